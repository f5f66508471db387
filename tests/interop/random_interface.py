# SPDX-License-Identifier: MIT
"""Random interface files of what rpcgen and leatgen both read."""

SCALARS = ["int", "unsigned int", "hyper", "unsigned hyper", "float", "double", "bool", "char", "unsigned char", "short",
           "unsigned short", "long", "unsigned", "u_int", "u_short"]
BOUNDS = [1, 2, 3, 4, 5, 7, 8, 16, 31, 64, 255]


class Interface:
    """Grows a file definition by definition; each may use those before it."""

    def __init__(self, chance):
        self.chance = chance
        self.text = []
        self.types = []  # names that a field may have
        self.enums = {}  # name: enumerators
        self.constants = []
        self.count = 0

    def name(self, kind):
        self.count += 1
        return f"{kind}{self.count}"

    def bound(self):
        if self.constants and self.chance.random() < 0.3:
            return self.chance.choice(self.constants)
        return str(self.chance.choice(BOUNDS))

    def variable(self):
        return f"<{self.bound()}>" if self.chance.random() < 0.7 else "<>"

    def declaration(self, name, shallow=False):
        """A field: with `shallow`, one that is small."""
        kind = self.chance.randrange(10)
        if kind == 0:
            return f"string {name}{self.variable()}"
        if kind == 1:
            return f"opaque {name}[{self.bound()}]"
        if kind == 2:
            return f"opaque {name}{self.variable()}"
        known = self.types and kind > 5
        base = self.chance.choice(self.types) if known else self.chance.choice(SCALARS)
        shape = 0 if shallow else self.chance.randrange(6)
        if shape == 1:
            return f"{base} {name}[{self.chance.choice([1, 2, 3, 5])}]"
        if shape == 2:
            return f"{base} {name}{self.variable()}"
        if shape == 3 and known:
            return f"{base} *{name}"
        return f"{base} {name}"

    def constant(self):
        name = self.name("CONST")
        value = self.chance.choice(BOUNDS)
        self.text.append(f"const {name} = {self.chance.choice([str(value), hex(value)])};")
        self.constants.append(name)

    def enum(self):
        name = self.name("enum")
        numbers = self.chance.sample(range(-50, 5000), self.chance.randrange(1, 7))
        if self.chance.random() < 0.5:
            numbers = list(range(len(numbers)))
        names = [f"{name.upper()}_{i}" for i in range(len(numbers))]
        self.text.append(f"enum {name} {{\n" + ",\n".join(f"    {n} = {v}" for n, v in zip(names, numbers)) + "\n};")
        self.enums[name] = names
        self.types.append(name)

    def struct(self):
        name = self.name("struct")
        fields = [self.declaration(f"f{i}") for i in range(self.chance.randrange(1, 9))]
        if self.chance.random() < 0.2:
            fields.append(f"{name} *next")
        self.text.append(f"struct {name} {{\n" + "".join(f"    {field};\n" for field in fields) + "};")
        self.types.append(name)

    def union(self):
        name = self.name("union")
        kind = self.chance.choice(["enum", "int", "bool"] if self.enums else ["int", "bool"])
        if kind == "enum":
            kind = self.chance.choice(list(self.enums))
            labels = self.enums[kind]
        else:
            labels = ["TRUE", "FALSE"] if kind == "bool" else [str(n) for n in self.chance.sample(range(0, 100), 3)]
        arms = []
        for i, label in enumerate(labels[:4]):
            void = self.chance.random() < 0.2
            arms.append(f"    case {label}:\n        " + ("void" if void else self.declaration(f"a{i}")) + ";\n")
        if kind != "bool" and self.chance.random() < 0.5:
            arms.append("    default:\n        " + self.chance.choice(["void", "int other"]) + ";\n")
        self.text.append(f"union {name} switch ({kind} which) {{\n" + "".join(arms) + "};")
        self.types.append(name)

    def alias(self):
        name = self.name("alias")
        self.text.append(f"typedef {self.declaration(name)};")
        self.types.append(name)

    def file(self, definitions):
        for _ in range(definitions):
            self.chance.choice([self.constant, self.enum, self.struct, self.struct, self.struct, self.union, self.alias, self.alias])()
        self.struct()
        return "\n\n".join(self.text) + "\n"


def random_interface(chance):
    return Interface(chance).file(chance.randrange(8, 30))
