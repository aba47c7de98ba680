"""Asks a compiled policy what it allows: `ask.py POLICY DOMAIN`, with the questions on the standard input (questions.txt).

Prints each question that the policy answers otherwise, and each right that DOMAIN has by a rule of its own and no question asks for.
"""

import collections
import sys

import setools

policy = setools.SELinuxPolicy(sys.argv[1])
domain = sys.argv[2]
always = collections.defaultdict(set)
sometimes = collections.defaultdict(set)
made = collections.defaultdict(set)
for rule in policy.terules():
    key = str(rule.source), str(rule.target), str(rule.tclass)
    if rule.ruletype == setools.TERuletype.type_transition:
        made[key].add(str(rule.default))
    elif rule.ruletype == setools.TERuletype.allow:
        try:
            rule.conditional
            sometimes[key] |= rule.perms
        except setools.exception.RuleNotConditional:
            always[key] |= rule.perms


def names(name):
    """The type, by its own name where this is an alias, and the attributes that a rule may name in its place."""
    found = policy.lookup_type(name)
    return [str(found), *map(str, found.attributes())]


def given(rules, keys):
    return set().union(*(rules.get(key, ()) for key in keys))


asked = collections.defaultdict(set)
for line in sys.stdin:
    question = line.partition("#")[0].strip()
    if not question:
        continue
    mark = question[0] if question[0] in "!?>" else ""
    source, target, target_class, *permissions = question[len(mark) :].split()
    keys = [(one, other, target_class) for one in names(source) for other in names(source if target == "self" else target)]
    for key in keys:
        asked[key].update(permissions)
    if mark == ">":
        held = given(made, keys)
    else:
        held = given(always, keys) | (given(sometimes, keys) if mark else set())
    wrong = [permission for permission in permissions if (permission in held) == (mark == "!")]
    if wrong:
        print(f"{question}: {' '.join(wrong)}")

# Attributes of what may be done anyway: getattr beside read.
beside = {"getattr", "getopt", "setopt"}
for key, permissions in always.items():
    # Every domain has rights over itself by rules of the policy.
    if key[0] != domain or key[1] == domain and key[2] != "capability":
        continue
    spare = permissions - asked[key] - beside
    if spare:
        print(f"nobody asks for: {' '.join([*key, *sorted(spare)])}")
