/* comm_signal.c: signals as events of one loop. Section 5. */
#include "comm_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "xalloc.h"

/* The event library keeps one loop per signal for the whole process and
 * aborts on a second: so the owner is known here first. */
static _Atomic(CommLoop *) owners[NSIG];

static void
onSignal(struct ev_loop *ev, ev_signal *watcher, int revents)
{
    CommSignal *sig = watcher->data;

    (void)ev;
    (void)revents;
    sig->cb(watcher->signum, sig->data);
}

static void
removeSignal(CommLoop *loop, int signo)
{
    CommSignal *sig = &loop->signals[signo];

    ev_ref(loop->ev);
    ev_signal_stop(loop->ev, &sig->ev);
    sig->cb = NULL;
    atomic_store(&owners[signo], NULL);
}

static void
addSignal(CommLoop *loop, int signo)
{
    CommSignal *sig = &loop->signals[signo];

    ev_signal_init(&sig->ev, onSignal, signo);
    sig->ev.data = sig;
    ev_signal_start(loop->ev, &sig->ev);
    ev_unref(loop->ev);
}

int
commSignalSet(int signo, CommSignalCb *cb, void *data)
{
    CommLoop *loop = commLoopNeed();
    CommLoop *owner = NULL;
    CommSignal *sig;

    if (signo <= 0 || signo >= NSIG || signo == SIGKILL || signo == SIGSTOP)
        return -EINVAL;
    if (!cb && atomic_load(&owners[signo]) != loop)
        return 0;
    if (!cb) {
        removeSignal(loop, signo);
        return 0;
    }
    if (!atomic_compare_exchange_strong(&owners[signo], &owner, loop) &&
        owner != loop)
        return -EBUSY;
    if (!loop->signals)
        loop->signals = xcalloc(NSIG, sizeof(*loop->signals));
    sig = &loop->signals[signo];
    if (!sig->cb)
        addSignal(loop, signo);
    sig->cb = cb;
    sig->data = data;
    return 0;
}

void
commSignalDropAll(CommLoop *loop)
{
    for (int signo = 1; loop->signals && signo < NSIG; signo++) {
        if (loop->signals[signo].cb)
            removeSignal(loop, signo);
    }
    free(loop->signals);
}
