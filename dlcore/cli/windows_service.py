"""What Windows starts as the agent's service: ``dlcore agent run``, with the same options.

``python -m dlcore.cli.windows_service OPTIONS`` is written into the service by ``dlcore agent
install``. It is not for people: outside a service it ends with an error.
"""

from __future__ import annotations

import sys


def main(arguments: list[str]) -> int:
    """Run the agent as a service, to its end.

    Args:
        arguments: The options of ``dlcore agent run``.

    Returns:
        The exit status of ``dlcore agent run``.
    """
    from dlcore.agent.addresses import SERVICE_NAME
    from dlcore.cli.app import status_of

    if sys.platform != "win32":
        return status_of(["agent", "run", *arguments])
    from dlcore.agent.windows_service import served
    from dlcore.cli.leaving import Leaving
    from dlcore.errors import AgentError

    try:
        with served(SERVICE_NAME) as service:
            status = 1  # of what has no status: the interpreter's end
            try:
                status = status_of(["agent", "run", *arguments])
            finally:
                service.stopped(status)
            return status
    except AgentError as error:
        return Leaving(as_json=False).tell(error)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
