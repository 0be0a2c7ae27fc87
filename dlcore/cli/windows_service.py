"""What Windows starts as the agent's service: ``dlcore agent run``, with the same options.

``python -m dlcore.cli.windows_service OPTIONS`` is written into the service by ``dlcore agent
install``. It is not for people: outside a service it ends with an error.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from dlcore.agent.addresses import SERVICE_NAME
    from dlcore.agent.system.windows_service import served
    from dlcore.errors import AgentError

    def main(arguments: list[str]) -> int:
        """Run the agent as a service, to its end.

        Args:
            arguments: The options of ``dlcore agent run``.

        Returns:
            The exit status of ``dlcore agent run``.
        """
        try:
            with served(SERVICE_NAME) as service:
                status = 1  # of what has no status: the interpreter's end
                try:
                    # Imported now: Windows does not wait long for `served`.
                    from dlcore.cli.app import status_of

                    status = status_of(["agent", "run", *arguments])
                finally:
                    service.stopped(status)
                return status
        except AgentError as error:
            from dlcore.cli.ending.leaving import Leaving

            return Leaving(as_json=False).tell(error)

else:

    def main(arguments: list[str]) -> int:
        """End with an error: only Windows has such services."""
        sys.exit("only Windows has such services")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
