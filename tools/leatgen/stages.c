/* SPDX-License-Identifier: MIT */
#include "tools/leatgen/stages.h"

#include "tools/leatgen/report.h"

struct schema *complete_interface(struct job *job, struct interface *interface) {
        if (!interface)
                return NULL;
        check_interface(job, interface);
        if (report_errors(job) == 0)
                name_interface(job, interface);
        return report_errors(job) == 0 ? plan_interface(job, interface) : NULL;
}
