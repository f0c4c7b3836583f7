/*
 * daemon.h: leaving the terminal, and giving up root.
 * Thread: startup, before other threads exist.
 */
#ifndef SQUIRE_DAEMON_H
#define SQUIRE_DAEMON_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Go on in a background process, in a session of its own. The calling
 * process waits and never returns from here: it exits 0 once the background
 * process called daemonReady, or with that one's status when it ended first
 * (or 1 after two minutes). Until then stderr is still the terminal's.
 * 0 in the background process, or -errno and no process was made.
 * Call before commInit and before any thread.
 */
int daemonStart(void);

/* Tell the waiting process that all is well, and let go of the terminal: 0,
 * 1, 2 become /dev/null. Harmless when daemonStart was not called. */
void daemonReady(void);

/*
 * Give up root for good: set groups, gid and uid of user (group NULL: the
 * user's own groups). Call it when ports and the pid file are open, but
 * before logs are, so that those can be opened again later. user NULL
 * changes nothing; so does not being root, when the process already is that
 * user. Errors: -ENOENT no such user or group, -EPERM another user is asked
 * for without being root.
 */
int daemonDropPrivileges(const char *user, const char *group);

#ifdef __cplusplus
}
#endif

#endif
