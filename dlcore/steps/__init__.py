"""What the steps of a task sequence do when they run.

The way through the room: ``registry`` names the executor of each step type; an executor gets a
`Job` and answers with an `Outcome` (``interface``). Most files are about one type each:
``command_line``, ``powershell``, ``install_package``, ``readiness`` (what it checks:
``readiness_checks``), ``bitlocker``, ``restart``, and ``upgrade`` (``setup_command`` says what
Windows Setup gets, ``setup_runner`` runs it, ``post_upgrade`` learns how it ended). Types that
dlcore does not run are ``refused``. ``commands`` is the inner room that runs what is started.
``exit_codes`` explains codes, ``installed`` finds the executors of other packages, ``simulation``
stands in for all, and ``post_action`` starts what a run leaves behind.
"""
