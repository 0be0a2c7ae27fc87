"""Deployments: their settings, and the checks that must pass before a sequence may run.

The way through the room: ``reading`` makes frozen ``settings`` of a TOML file, with
``toml_tables`` (keys and types), ``endpoint_tables`` (the ``[[endpoint]]`` tables) and ``rates``;
``usable_endpoints`` tells which endpoints a client may use; ``preflight`` makes every check over
``facts`` that the caller has gathered, with ``settings_checks``, ``step_checks`` and
``content_checks``.
"""

from dlcore.deployment.bandwidth import BandwidthSchedule as BandwidthSchedule
from dlcore.deployment.bandwidth import BandwidthWindow as BandwidthWindow
from dlcore.deployment.boundary_checks import check_boundary as check_boundary
from dlcore.deployment.boundary_groups import BoundaryGroup as BoundaryGroup
from dlcore.deployment.boundary_groups import BoundarySettings as BoundarySettings
from dlcore.deployment.boundary_groups import Fallback as Fallback
from dlcore.deployment.boundary_groups import Place as Place
from dlcore.deployment.boundary_groups import Stage as Stage
from dlcore.deployment.boundary_groups import Way as Way
from dlcore.deployment.boundary_groups import current_groups as current_groups
from dlcore.deployment.boundary_groups import way_of as way_of
from dlcore.deployment.endpoint_tables import is_protected as is_protected
from dlcore.deployment.facts import Answer as Answer
from dlcore.deployment.facts import Check as Check
from dlcore.deployment.facts import CheckOutcome as CheckOutcome
from dlcore.deployment.facts import Facts as Facts
from dlcore.deployment.facts import Need as Need
from dlcore.deployment.facts import StepNote as StepNote
from dlcore.deployment.facts import TooLong as TooLong
from dlcore.deployment.facts import UnresolvedNeed as UnresolvedNeed
from dlcore.deployment.preflight import checks as checks
from dlcore.deployment.preflight import failed as failed
from dlcore.deployment.preflight import render as render
from dlcore.deployment.rates import parse_rate as parse_rate
from dlcore.deployment.reading import WITHOUT_CATALOG as WITHOUT_CATALOG
from dlcore.deployment.reading import load_deployment as load_deployment
from dlcore.deployment.reading import parse_deployment as parse_deployment
from dlcore.deployment.settings import BackgroundSettings as BackgroundSettings
from dlcore.deployment.settings import CacheSettings as CacheSettings
from dlcore.deployment.settings import CatalogSettings as CatalogSettings
from dlcore.deployment.settings import ClientSettings as ClientSettings
from dlcore.deployment.settings import ConditionSettings as ConditionSettings
from dlcore.deployment.settings import ContentSettings as ContentSettings
from dlcore.deployment.settings import Deployment as Deployment
from dlcore.deployment.settings import DeploymentOptions as DeploymentOptions
from dlcore.deployment.settings import Download as Download
from dlcore.deployment.settings import Launch as Launch
from dlcore.deployment.settings import LaunchSettings as LaunchSettings
from dlcore.deployment.settings import TransferSettings as TransferSettings
from dlcore.deployment.settings import TrustSettings as TrustSettings
from dlcore.deployment.settings import Undecided as Undecided
from dlcore.deployment.settings import WhenScarce as WhenScarce
from dlcore.deployment.stated_packages import StatedPackage as StatedPackage
from dlcore.deployment.usable_endpoints import Candidate as Candidate
from dlcore.deployment.usable_endpoints import usable_endpoints as usable_endpoints
