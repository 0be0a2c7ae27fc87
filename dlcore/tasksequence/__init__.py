"""Exported task sequences: steps, groups, conditions, and what content each step needs.

The way through the room: ``archive`` and ``markup`` read hostile bytes, ``forms`` finds the task
sequences in them, ``choosing`` takes one, ``builder`` (with ``expressions`` and ``parameters``)
makes the frozen ``tree`` of it. ``step_types`` says what is known of each type of step.
``conditions``, ``content`` and ``dataflow`` answer questions about the tree, with ``variables`` and
an evaluator from ``evaluators`` or ``windows``. ``foresight`` answers them for all steps to come,
and ``planning`` puts the answers together.
"""

from dlcore.package_ids import package_id as package_id
from dlcore.tasksequence.conditions import ConditionEvaluator as ConditionEvaluator
from dlcore.tasksequence.conditions import Verdict as Verdict
from dlcore.tasksequence.conditions import evaluate as evaluate
from dlcore.tasksequence.dataflow import names_read as names_read
from dlcore.tasksequence.dataflow import simulated_variables as simulated_variables
from dlcore.tasksequence.dataflow import variables_read as variables_read
from dlcore.tasksequence.dataflow import variables_written as variables_written
from dlcore.tasksequence.evaluators import default_evaluator as default_evaluator
from dlcore.tasksequence.evaluators import from_facts as from_facts
from dlcore.tasksequence.evaluators import undecided as undecided
from dlcore.tasksequence.foresight import Foreseen as Foreseen
from dlcore.tasksequence.foresight import NotRun as NotRun
from dlcore.tasksequence.foresight import foresee as foresee
from dlcore.tasksequence.package_needs import UnresolvedNeed as UnresolvedNeed
from dlcore.tasksequence.package_needs import content_note as content_note
from dlcore.tasksequence.package_needs import downloads as downloads
from dlcore.tasksequence.package_needs import needs as needs
from dlcore.tasksequence.package_needs import packages_in_order as packages_in_order
from dlcore.tasksequence.package_needs import possible_needs as possible_needs
from dlcore.tasksequence.package_needs import unresolved_needs as unresolved_needs
from dlcore.tasksequence.package_references import command_text as command_text
from dlcore.tasksequence.package_references import is_download as is_download
from dlcore.tasksequence.planning import Plan as Plan
from dlcore.tasksequence.planning import PlannedStep as PlannedStep
from dlcore.tasksequence.planning import Runs as Runs
from dlcore.tasksequence.planning import Unexplained as Unexplained
from dlcore.tasksequence.planning import Unresolved as Unresolved
from dlcore.tasksequence.planning import plan as plan
from dlcore.tasksequence.planning import plan_of as plan_of
from dlcore.tasksequence.reading import load as load
from dlcore.tasksequence.reading import read as read
from dlcore.tasksequence.reference_list import unexplained as unexplained
from dlcore.tasksequence.set_variable import assignment as assignment
from dlcore.tasksequence.set_variable import is_hidden as is_hidden
from dlcore.tasksequence.step_parameters import StepParameters as StepParameters
from dlcore.tasksequence.step_types import ANY as ANY
from dlcore.tasksequence.step_types import STEP_TYPES as STEP_TYPES
from dlcore.tasksequence.step_types import StepType as StepType
from dlcore.tasksequence.step_types import step_type as step_type
from dlcore.tasksequence.tree import And as And
from dlcore.tasksequence.tree import Condition as Condition
from dlcore.tasksequence.tree import Expression as Expression
from dlcore.tasksequence.tree import FileExpression as FileExpression
from dlcore.tasksequence.tree import FolderExpression as FolderExpression
from dlcore.tasksequence.tree import Group as Group
from dlcore.tasksequence.tree import Node as Node
from dlcore.tasksequence.tree import Not as Not
from dlcore.tasksequence.tree import Operator as Operator
from dlcore.tasksequence.tree import Or as Or
from dlcore.tasksequence.tree import OtherExpression as OtherExpression
from dlcore.tasksequence.tree import Reference as Reference
from dlcore.tasksequence.tree import RegistryExpression as RegistryExpression
from dlcore.tasksequence.tree import Step as Step
from dlcore.tasksequence.tree import Subsequence as Subsequence
from dlcore.tasksequence.tree import TaskSequence as TaskSequence
from dlcore.tasksequence.tree import VariableExpression as VariableExpression
from dlcore.tasksequence.tree import WmiExpression as WmiExpression
from dlcore.tasksequence.variables import FrozenVariables as FrozenVariables
from dlcore.tasksequence.variables import Part as Part
from dlcore.tasksequence.variables import Variables as Variables
from dlcore.tasksequence.windows import windows_evaluator as windows_evaluator
from dlcore.tasksequence.without_commands import without_commands as without_commands
