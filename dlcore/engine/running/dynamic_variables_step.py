"""The step *Set Dynamic Variables*: asks the machine, then sets what the rules that apply say.

Guarantees: a rule that cannot be decided sets nothing, and log and outcome say so. What the machine
does not tell is left as it is. A rule that sets a read-only variable fails the step. Lists are
joined with commas (assumed: not documented).

Source: Microsoft Learn, "Task sequence steps: Set Dynamic Variables".
"""

from __future__ import annotations

import logging

from dlcore.machine import Machine
from dlcore.steps.interface import Outcome
from dlcore.tasksequence import ConditionEvaluator, Step, Variables
from dlcore.tasksequence.dynamic_rules import dynamic_rules, evaluate_rules
from dlcore.tasksequence.set_variable import set_variable
from dlcore.waiting import in_thread

_log = logging.getLogger(__name__)


async def set_dynamic_variables(
    step: Step, variables: Variables, evaluator: ConditionEvaluator, machine: Machine
) -> Outcome:
    """Run the step.

    Args:
        step: Of the type `step_types.SET_DYNAMIC_VARIABLES`.
        variables: Read and set.
        evaluator: Decides the conditions of rules, where they are not about variables.
        machine: The machine that this runs on.

    Raises:
        TaskSequenceError: The rules cannot be read; nothing was set. Their author's fault.
        ConfigError: A rule sets a read-only variable. Its author's fault.
    """
    rules = dynamic_rules(step, variables)
    variables.update(await in_thread(gathered, machine))
    evaluated = await in_thread(evaluate_rules, rules, variables, evaluator)
    told = [
        f"rule {number} cannot be decided on this machine, so it sets nothing"
        for number in evaluated.undecided
    ]
    for line in told:
        _log.warning("step %d: %s", step.index, line)
    for item in evaluated.assignments:
        if item.is_secret:
            variables.mark_secret(item.name)
        set_variable(variables, item.name, item.value)
    return Outcome(output="\n".join(told))


def gathered(machine: Machine) -> dict[str, str]:
    """What the machine tells about itself, by task sequence variable."""
    found: dict[str, str] = {}
    try:
        identity = machine.identity()
    except OSError as error:
        _log.info("make and model are not known: %s", error.strerror or error)
    else:
        found |= {
            "_SMSTSMake": identity.make,
            "_SMSTSModel": identity.model,
            "_SMSTSSerialNumber": identity.serial_number,
            "_SMSTSAssetTag": identity.asset_tag,
            "_SMSTSUUID": identity.uuid,
        }
    try:
        adapters = machine.adapters()
    except OSError as error:
        _log.info("the network adapters are not known: %s", error.strerror or error)
    else:
        found |= {
            "_SMSTSMacAddresses": ",".join(a.mac_address for a in adapters if a.mac_address),
            "_SMSTSIPAddresses": ",".join(ip for a in adapters for ip in a.ip_addresses),
            "_SMSTSDefaultGateways": ",".join(ip for a in adapters for ip in a.gateways),
        }
    return {name: value for name, value in found.items() if value}
