/* comm_select.c: descriptors, their requests and timeouts. Section 5. */
#include "comm_priv.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "debug.h"
#include "fd.h"
#include "xalloc.h"

/* The event library's clock is read a moment before ours. */
#define EARLY_US 200

/* Descriptors whose owner is checked; beyond, mistakes go unnoticed. */
#define OWNER_FDS (1 << 20)

#define DROP_ROUNDS 16

#define BIT(kind) (1u << (kind))

_Static_assert(BIT(COMM_SLOT_READ) == COMM_SELECT_READ, "read bit");
_Static_assert(BIT(COMM_SLOT_WRITE) == COMM_SELECT_WRITE, "write bit");

/* The id of the loop that has a descriptor, of all threads; 0: none. */
static _Atomic unsigned char owners[OWNER_FDS];

static void
claimFd(const CommLoop *loop, int fd)
{
    unsigned char none = 0;

    if (fd < OWNER_FDS)
        CHECK(atomic_compare_exchange_strong(&owners[fd], &none,
                                             (unsigned char)loop->id));
}

static void
disclaimFd(int fd)
{
    if (fd < OWNER_FDS)
        atomic_store(&owners[fd], 0);
}

static CommFd *
lookupFd(const CommLoop *loop, int fd)
{
    unsigned block = (unsigned)fd >> COMM_BLOCK_BITS;
    CommFd *entry;

    if (fd < 0 || block >= loop->blockCount || !loop->blocks[block])
        return NULL;
    entry = &loop->blocks[block][fd & (COMM_BLOCK_FDS - 1)];
    return entry->isOpen ? entry : NULL;
}

static CommFd *
needFd(const CommLoop *loop, int fd)
{
    CommFd *entry = lookupFd(loop, fd);

    CHECK(entry != NULL);
    return entry;
}

/* Entries never move: the event library points into them. */
static CommFd *
storageFor(CommLoop *loop, int fd)
{
    unsigned block = (unsigned)fd >> COMM_BLOCK_BITS;

    if (block >= loop->blockCount) {
        unsigned count = block + 16;
        loop->blocks = xrealloc(loop->blocks, count * sizeof(*loop->blocks));
        memset(loop->blocks + loop->blockCount, 0,
               (count - loop->blockCount) * sizeof(*loop->blocks));
        loop->blockCount = count;
    }
    if (!loop->blocks[block])
        loop->blocks[block] = xcalloc(COMM_BLOCK_FDS, sizeof(CommFd));
    return &loop->blocks[block][fd & (COMM_BLOCK_FDS - 1)];
}

/* Requests keep the loop running at once; that they no longer do is found
 * at the end of the turn, so that re-arming costs nothing. */
static void
holdFor(CommLoop *loop, CommFd *entry)
{
    if (entry->isHeld)
        return;
    entry->isHeld = true;
    commLoopHold(loop);
}

static void
unholdFor(CommLoop *loop, CommFd *entry)
{
    if (!entry->isHeld)
        return;
    entry->isHeld = false;
    commLoopUnhold(loop);
}

/* What is left of the request to the kernel when the turn ends. Space to
 * write is there nearly always, so that interest is withdrawn; a wish to
 * read is kept for the next time unless it has proved a nuisance. */
static unsigned
armTarget(const CommFd *entry)
{
    unsigned wanted = entry->wanted & (COMM_SELECT_READ | COMM_SELECT_WRITE);

    if (entry->isUnwanted)
        return wanted;
    return wanted | (entry->armed & COMM_SELECT_READ);
}

static void
noteChange(CommLoop *loop, CommFd *entry)
{
    if (entry->isChanged)
        return;
    if (armTarget(entry) == entry->armed &&
        entry->isHeld == (entry->wanted != 0))
        return;
    entry->isChanged = true;
    entry->nextChanged = loop->changed;
    loop->changed = entry;
}

static void
disarm(CommLoop *loop, CommFd *entry)
{
    if (!entry->armed)
        return;
    entry->armed = 0;
    ev_ref(loop->ev);
    ev_io_stop(loop->ev, &entry->io);
}

static void
armFor(CommLoop *loop, CommFd *entry, unsigned target)
{
    int events = (target & COMM_SELECT_READ ? EV_READ : 0) |
                 (target & COMM_SELECT_WRITE ? EV_WRITE : 0);

    disarm(loop, entry);
    if (!target)
        return;
    entry->armed = (unsigned char)target;
    ev_io_set(&entry->io, entry->fd, events);
    ev_io_start(loop->ev, &entry->io);
    ev_unref(loop->ev);
}

static void
settle(CommLoop *loop, CommFd *entry)
{
    unsigned target = armTarget(entry);

    entry->isUnwanted = false;
    if (target != entry->armed)
        armFor(loop, entry, target);
    if (!entry->wanted)
        unholdFor(loop, entry);
}

void
commSelectApply(CommLoop *loop)
{
    CommFd *entry;

    while ((entry = loop->changed)) {
        loop->changed = entry->nextChanged;
        entry->isChanged = false;
        if (entry->isOpen)
            settle(loop, entry);
    }
}

/* Calls the user; entry may be closed afterwards, and even open again. */
static void
fireSlot(CommFd *entry, CommSlotKind kind)
{
    CommSlot slot = entry->slots[kind];

    entry->slots[kind] = (CommSlot){0};
    entry->wanted &= (unsigned char)~BIT(kind);
    slot.handler(entry->fd, slot.data);
}

static void
onIo(struct ev_loop *ev, ev_io *io, int revents)
{
    CommFd *entry = io->data;
    CommLoop *loop = commLoopNeed();
    uint32_t generation = entry->generation;
    unsigned got = (revents & EV_READ ? COMM_SELECT_READ : 0u) |
                   (revents & EV_WRITE ? COMM_SELECT_WRITE : 0u);

    if (revents & EV_ERROR) {
        /* The kernel refused it and the event library stopped the watcher;
         * the handlers learn more from read and write. */
        debug(DBG_COMM, 1, "descriptor %d (%s) cannot be waited for", entry->fd,
              entry->note);
        ev_ref(ev);
        entry->armed = 0;
    }
    if (got & ~(unsigned)entry->wanted)
        entry->isUnwanted = true;
    if (got & entry->wanted & COMM_SELECT_READ)
        fireSlot(entry, COMM_SLOT_READ);
    if (entry->generation == generation &&
        (got & entry->wanted & COMM_SELECT_WRITE))
        fireSlot(entry, COMM_SLOT_WRITE);
    if (entry->generation == generation)
        noteChange(loop, entry);
}

/*
 * Deadlines move with nearly every request, the timer hardly ever: it may
 * fire too early and is then set again, but never too late.
 */
static void
ensureTimer(CommLoop *loop, CommFd *entry, int64_t deadlineUs)
{
    if (ev_is_active(&entry->timer)) {
        if (entry->timerAtUs <= deadlineUs)
            return;
        commLoopTimerStop(loop, &entry->timer);
    }
    entry->timerAtUs = deadlineUs;
    commLoopTimerStart(loop, &entry->timer,
                       deadlineUs > loop->nowUs ? deadlineUs - loop->nowUs : 0);
}

static bool
isDue(const CommSlot *slot, int64_t nowUs)
{
    return slot->deadlineUs && slot->deadlineUs <= nowUs + EARLY_US;
}

/* Take what is due off the entry: bits of the slots to call. A request with
 * a deadline of its own gives way to the descriptor's timeout handler. */
static unsigned
collectDue(CommFd *entry, int64_t nowUs)
{
    unsigned due = 0;

    for (int kind = 0; kind < COMM_SLOT_COUNT; kind++) {
        if (!isDue(&entry->slots[kind], nowUs))
            continue;
        entry->slots[kind].deadlineUs = 0;
        due |= BIT(kind);
    }
    if (due && entry->slots[COMM_SLOT_TIMEOUT].handler)
        due = BIT(COMM_SLOT_TIMEOUT);
    return due;
}

static void
resumeTimer(CommLoop *loop, CommFd *entry)
{
    int64_t first = 0;

    for (int kind = 0; kind < COMM_SLOT_COUNT; kind++) {
        int64_t at = entry->slots[kind].deadlineUs;
        if (at && (!first || at < first))
            first = at;
    }
    if (first)
        ensureTimer(loop, entry, first);
}

static void
onTimeout(struct ev_loop *ev, ev_timer *timer, int revents)
{
    CommFd *entry = timer->data;
    CommLoop *loop = commLoopNeed();
    uint32_t generation = entry->generation;
    unsigned due;

    (void)ev;
    (void)revents;
    commLoopTimerFired(loop);
    due = collectDue(entry, loop->nowUs);
    for (int kind = 0; kind < COMM_SLOT_COUNT; kind++) {
        if (entry->generation != generation)
            return;
        if (!(due & entry->wanted & BIT(kind)))
            continue;
        entry->isTimedOut = true;
        fireSlot(entry, kind);
        if (entry->generation == generation)
            entry->isTimedOut = false;
    }
    if (entry->generation != generation)
        return;
    resumeTimer(loop, entry);
    noteChange(loop, entry);
}

static CommFd *
adoptFd(CommLoop *loop, int fd)
{
    CommFd *entry = storageFor(loop, fd);

    CHECK(!entry->isOpen);
    claimFd(loop, fd);
    entry->fd = fd;
    entry->isOpen = true;
    entry->isClosing = entry->isTimedOut = entry->isUnwanted = false;
    ev_init(&entry->io, onIo);
    entry->io.data = entry;
    ev_init(&entry->timer, onTimeout);
    ev_set_priority(&entry->timer, -1);
    entry->timer.data = entry;
    loop->stats.openFds++;
    return entry;
}

/* Withdraw all requests of an entry. */
static void
quietFd(CommLoop *loop, CommFd *entry)
{
    memset(entry->slots, 0, sizeof(entry->slots));
    entry->wanted = 0;
    disarm(loop, entry);
    commLoopTimerStop(loop, &entry->timer);
    unholdFor(loop, entry);
}

static void
forgetFd(CommLoop *loop, CommFd *entry)
{
    CommCloser *closer;

    quietFd(loop, entry);
    while ((closer = entry->closers)) {
        entry->closers = closer->next;
        free(closer);
    }
    entry->isOpen = false;
    entry->generation++;
    loop->stats.openFds--;
    disclaimFd(entry->fd);
}

static void
setNote(CommFd *entry, const char *note)
{
    size_t len = strnlen(note, COMM_NOTE_MAX - 1);

    memcpy(entry->note, note, len);
    entry->note[len] = '\0';
}

int
commOpen(int fd, const char *note)
{
    CommLoop *loop = commLoopNeed();
    int rc;

    CHECK(fd >= 0);
    rc = fdSetFlags(fd);
    if (rc < 0) {
        close(fd);
        return rc;
    }
    setNote(adoptFd(loop, fd), note ? note : "");
    return 0;
}

bool
commIsOpen(int fd)
{
    CommLoop *loop = commLoopSelf();

    return loop && lookupFd(loop, fd);
}

/* The entry of fd, which may be new to the loop. */
static CommFd *
entryFor(CommLoop *loop, int fd)
{
    CommFd *entry = lookupFd(loop, fd);

    if (entry)
        return entry;
    CHECK(commOpen(fd, NULL) == 0);
    return lookupFd(loop, fd);
}

static void
setSlot(CommLoop *loop, CommFd *entry, CommSlotKind kind, CommSlot slot)
{
    if (!slot.handler) {
        entry->slots[kind] = (CommSlot){0};
        entry->wanted &= (unsigned char)~BIT(kind);
        return;
    }
    entry->slots[kind] = slot;
    entry->wanted |= (unsigned char)BIT(kind);
    holdFor(loop, entry);
    if (slot.deadlineUs)
        ensureTimer(loop, entry, slot.deadlineUs);
}

void
commSetSelect(int fd, unsigned type, CommSelectCb *handler, void *data,
              int timeoutSec)
{
    CommLoop *loop = commLoopNeed();
    CommFd *entry = handler ? entryFor(loop, fd) : lookupFd(loop, fd);
    CommSlot slot = {.handler = handler, .data = data};

    if (!entry || entry->isClosing)
        return;
    if (timeoutSec > 0) {
        commLoopFreshen(loop);
        slot.deadlineUs = loop->nowUs + (int64_t)timeoutSec * 1000000;
    }
    if (type & COMM_SELECT_READ)
        setSlot(loop, entry, COMM_SLOT_READ, slot);
    if (type & COMM_SELECT_WRITE)
        setSlot(loop, entry, COMM_SLOT_WRITE, slot);
    noteChange(loop, entry);
}

void
commSetTimeout(int fd, int64_t ms, CommSelectCb *handler, void *data)
{
    CommLoop *loop = commLoopNeed();
    bool isSet = ms >= 0 && handler;
    CommFd *entry = isSet ? entryFor(loop, fd) : lookupFd(loop, fd);
    CommSlot slot = {0};

    if (!entry || entry->isClosing)
        return;
    if (isSet) {
        commLoopFreshen(loop);
        slot = (CommSlot){handler, data, loop->nowUs + commLoopDelayUs(ms)};
    }
    setSlot(loop, entry, COMM_SLOT_TIMEOUT, slot);
    noteChange(loop, entry);
}

bool
commIsTimedOut(int fd)
{
    CommFd *entry = lookupFd(commLoopNeed(), fd);

    return entry && entry->isTimedOut;
}

static void
runClosers(CommFd *entry)
{
    CommCloser *closer;

    while ((closer = entry->closers)) {
        CommCloser call = *closer;
        entry->closers = closer->next;
        free(closer);
        call.handler(entry->fd, call.data);
    }
}

void
commClose(int fd)
{
    CommLoop *loop = commLoopNeed();
    CommFd *entry = needFd(loop, fd);

    if (entry->isClosing)
        return;
    entry->isClosing = true;
    quietFd(loop, entry);
    runClosers(entry);
    forgetFd(loop, entry);
    close(fd);
}

int
commRelease(int fd)
{
    CommLoop *loop = commLoopNeed();
    CommFd *entry = needFd(loop, fd);

    CHECK(!entry->isClosing);
    forgetFd(loop, entry);
    return fd;
}

void
commAddCloseHandler(int fd, CommCloseCb *handler, void *data)
{
    CommFd *entry = needFd(commLoopNeed(), fd);
    CommCloser *closer = xmalloc(sizeof(*closer));

    *closer = (CommCloser){entry->closers, handler, data};
    entry->closers = closer;
}

void
commRemoveCloseHandler(int fd, CommCloseCb *handler, void *data)
{
    CommFd *entry = needFd(commLoopNeed(), fd);
    CommCloser **at = &entry->closers;
    CommCloser *found;

    while (*at && ((*at)->handler != handler || (*at)->data != data))
        at = &(*at)->next;
    found = *at;
    if (!found)
        return;
    *at = found->next;
    free(found);
}

void
commNote(int fd, const char *fmt, ...)
{
    CommFd *entry = needFd(commLoopNeed(), fd);
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(entry->note, sizeof(entry->note), fmt, ap);
    va_end(ap);
}

void
commForEachFd(CommFdCb *cb, void *data)
{
    CommLoop *loop = commLoopNeed();
    int limit = (int)loop->blockCount * COMM_BLOCK_FDS;

    for (int fd = 0; fd < limit; fd++) {
        const CommFd *entry = lookupFd(loop, fd);
        if (entry)
            cb(fd, entry->note, data);
    }
}

static void
closeAll(CommLoop *loop)
{
    int limit = (int)loop->blockCount * COMM_BLOCK_FDS;

    for (int fd = 0; fd < limit; fd++) {
        if (lookupFd(loop, fd))
            commClose(fd);
    }
}

void
commSelectDropAll(CommLoop *loop)
{
    /* A close handler may open something; one that always does is wrong. */
    for (int i = 0; loop->stats.openFds > 0; i++) {
        CHECK(i < DROP_ROUNDS);
        closeAll(loop);
    }
    for (unsigned i = 0; i < loop->blockCount; i++)
        free(loop->blocks[i]);
    free(loop->blocks);
}
