/* SPDX-License-Identifier: MIT */
#ifndef ORCHARD_MORE_H
#define ORCHARD_MORE_H

#define ORCHARD_CART_BASKETS 0x1bu

#endif
