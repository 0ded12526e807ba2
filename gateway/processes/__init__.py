# SPDX-License-Identifier: Apache-2.0
"""`yizheng serve`: one supervisor over one sequencer and N workers.

1. The supervisor forks children from a process that has loaded everything and started nothing: no
   event loop, no thread. So a child is up in milliseconds, and a restart uses the very
   configuration that was checked.
2. A child that dies is started again at once; one that cannot start, ever later up to 5 s. So is
   one that the supervisor gets no process, descriptor or port for: its own want ends nobody.
3. A sequencer that gives no sign of life for 15 s is killed and started again.
4. Without a sequencer workers stay up and refuse: no record, no answer.
5. A stop drains: workers first, then the sequencer. Children leave by themselves when the
   supervisor is killed, because the pipe that only it holds open ends.
6. SIGHUP has workers take agencies, grants, share types and items from disk (`gateway.reload`).
7. The socket of each worker is kept here, so that connections that wait for one that drains or dies
   are its successor's, and none is reset.

State: `var/processes.json` names the running processes, for operators and tests.
"""

from gateway.processes.serve import serve

__all__ = ["serve"]
