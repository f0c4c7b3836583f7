/*
 * helper_priv.h: what the files of the helper module share.
 *
 * A request is always in exactly one place: waiting in the pool's queue,
 * resting before another try, at a channel, joined to others with the same
 * line, or due (answered by the pool, its callback to run at the end of the
 * turn). helper_pool.c takes and decides, helper_recruit.c starts,
 * helper_channel.c is one process, helper_queue.c keeps requests and their
 * deadlines, helper_answers.c answers without a process, helper_collapse.c
 * asks once for many, helper_reserve.c has dialogs. Thread: loop.
 */
#ifndef SQUIRE_HELPER_PRIV_H
#define SQUIRE_HELPER_PRIV_H

#include <sys/uio.h>

#include "buf.h"
#include "comm.h"
#include "helper.h"
#include "helper_cache.h"
#include "helper_histogram.h"
#include "helper_place.h"
#include "helper_restart.h"
#include "helper_stderr.h"
#include "helper_table.h"
#include "helper_text.h"
#include "list.h"

#define HELPER_ID_ROOM 12 /* octets before a line, for "ID " */
#define HELPER_REST_MS 20 /* before the only process is asked again */

#define HELPER_POOL_MAGIC 0x8e9b0071u
#define HELPER_CHANNEL_MAGIC 0x8ec4a22eu
#define HELPER_REQUEST_MAGIC 0x8e4e90e5u
#define HELPER_RESERVATION_MAGIC 0x8e4e5e4du

typedef struct HelperChannel HelperChannel;
typedef struct HelperFlight HelperFlight;
typedef struct HelperRss HelperRss;
typedef struct HelperThread HelperThread;

typedef enum HelperRequestState {
    HELPER_REQUEST_FREE,
    HELPER_REQUEST_LOOSE,     /* in no place, for a moment */
    HELPER_REQUEST_QUEUED,    /* node in pool->queue */
    HELPER_REQUEST_RESTING,   /* node in pool->resting */
    HELPER_REQUEST_SENT,      /* node in channel->inflight */
    HELPER_REQUEST_ABANDONED, /* the same, but its caller has gone: only the
                                 helper's answer is waited for */
    HELPER_REQUEST_JOINED,    /* node in flight->askers */
    HELPER_REQUEST_DUE,       /* node in pool->due */
    HELPER_REQUEST_STATE_COUNT
} HelperRequestState;

/* Whose request it is. */
typedef enum HelperRequestKind {
    HELPER_KIND_LOOKUP, /* any process may answer it, or another one again */
    HELPER_KIND_DIALOG, /* of a reservation, which is in data */
    HELPER_KIND_PROBE,  /* of the pool's own: counted nowhere */
    HELPER_KIND_COUNT
} HelperRequestKind;

/* Two cache lines: at high rates these objects are most of what is touched. */
struct HelperRequest {
    uint32_t magic;
    uint8_t state;      /* HelperRequestState */
    uint8_t result;     /* HelperResult, when due */
    bool isOverdue : 1; /* abandoned, and its process is late */
    bool hasIdRoom : 1; /* HELPER_ID_ROOM octets before the line are ours */
    uint8_t kind : 2;   /* HelperRequestKind */
    bool isRefresh : 1; /* of a kept answer: nobody waits for it */
    uint8_t tries;      /* dispatches, of any outcome */
    uint8_t attempts;   /* dispatches that count */
    uint8_t idLen;      /* octets before the line, as sent */
    uint8_t source;     /* HelperSource, when due; by a kept answer unless it
                           is HELPER_SOURCE_POOL */
    uint32_t id;        /* channel-ID, when there are any */
    ListNode node;
    HelperPool *pool;
    union {
        HelperChannel *channel;
        HelperFlight *flight; /* when joined */
    };
    HelperReplyCb *cb;     /* NULL: it carries the question of a flight */
    void *data;            /* which is then here */
    ListNode deadlineNode; /* in pool->deadlines, or in pool->overdue */
    int64_t submitUs;
    int64_t dispatchUs;
    HelperChunk *chunk; /* holds the line */
    uint32_t textAt;    /* where in it */
    uint32_t textLen;   /* with LF */
    uint64_t wireEnd;   /* where it ends, in all that the process was sent */
    union {
        const char *why;     /* when due: what happened; the pool's text */
        HelperKept *kept;    /* or the answer, held */
        HelperRequest *next; /* when free */
    } u;
};

_Static_assert(sizeof(HelperRequest) <= 128, "two cache lines");

typedef enum HelperChannelState {
    HELPER_CHANNEL_STARTING,   /* has not answered yet; takes requests */
    HELPER_CHANNEL_READY,      /* has answered; takes requests */
    HELPER_CHANNEL_RETIRING,   /* takes no more; leaves when it has none */
    HELPER_CHANNEL_LOST,       /* no more output; its end is near */
    HELPER_CHANNEL_LEAVING,    /* has seen EOF */
    HELPER_CHANNEL_TERMINATED, /* has got SIGTERM */
    HELPER_CHANNEL_KILLED,     /* has got SIGKILL */
    HELPER_CHANNEL_ENDED,      /* reaped, or left to ipc */
    HELPER_CHANNEL_STATE_COUNT
} HelperChannelState;

/* What a process without channel-IDs has shown of lines sent ahead. */
typedef struct HelperAhead {
    bool isFirstProof;  /* it is proving for the first time */
    uint8_t proof;      /* quick answers in a row, up to enough */
    uint8_t trials;     /* of two lines at once, that it passed */
    uint32_t paceUs;    /* a line of late, in sixteenths */
    int64_t answeredUs; /* the last one */
    uint64_t trialEnd;  /* of the second line, in all that it was sent, while
                           a trial runs; else 0 */
    CommTimer *timer;   /* of that */
} HelperAhead;

struct HelperChannel {
    uint32_t magic;
    HelperChannelState state;
    HelperPool *pool;
    ListNode node;      /* in pool->channels, or in pool->leavers */
    ListNode dirtyNode; /* in pool->dirty while it has lines to write */
    HelperPlaceEntry place;
    HelperAhead ahead;
    HelperReservation *reservation; /* that it serves alone, or NULL */
    ListNode retireNode; /* in pool->worn, pool->outgoing or pool->retiring */
    bool hasIds;         /* channel-IDs, as configured when it was started */
    bool isOutgoing;     /* in pool->outgoing */
    bool isRetiring;     /* in pool->retiring */
    HelperGone retireWhy;
    HelperRequest *probe; /* that it has to answer; then it is held */
    bool isUnproven;      /* has not answered its first probe */
    bool hasAnswered;     /* anything that was good */
    CommTimer *probeTimer;
    int64_t probedUs; /* when it last answered one */
    long rssKb;       /* as of rssUs; 0: not known */
    int64_t rssUs;
    uint64_t requestsMax; /* it is worn then */
    int64_t ageMaxUs;     /* and at that age */
    unsigned number;      /* within the pool's life, from 1 */
    pid_t pid;
    int readFd, writeFd; /* equal for sockets; -1 once closed */
    bool isDead;         /* reaped */

    /* With channel-IDs: the request of each by the ID's low bits. An ID whose
     * place is taken is passed over; at most half of the places are. */
    HelperRequest **byId;
    uint32_t idPlaces; /* a power of two, or 0 */
    uint32_t lastId;
    ListNode inflight;  /* requests, in the order of their dispatch */
    HelperChunk *chunk; /* lines to this process alone; NULL while few */
    struct iovec *out;  /* to be written: [outFirst .. outCount) */
    unsigned outFirst, outCount, outSize;
    uint64_t sent;     /* octets given to out in all */
    uint64_t written;  /* and those of them written */
    bool waitsForRoom; /* the socket is full */
    Buf partial;       /* an unfinished reply line */

    unsigned overdue; /* inflight requests whose answer is late */
    unsigned missed;  /* those that became so since its last answer */
    uint64_t requests, replies;
    HelperBrief serviceUs;
    int64_t startedUs;
    int64_t idleUs; /* since when without a request */
    CommPidWatch *watch;
    CommTimer *timer; /* of the current step on the way out */
    HelperStderr err;
};

/* Answers without asking. */
typedef struct HelperAnswers {
    bool isUsed;         /* any of it */
    HelperCache *cache;  /* NULL: nothing is kept */
    HelperTable flights; /* by line; no places: not used */
    char *scratch;       /* for helperLookup */
    size_t scratchSize;
    uint64_t hits, misses, stale, collapsed, refreshes, refreshFailures;
} HelperAnswers;

typedef struct HelperTrail HelperTrail;

/* The last exchanges. */
typedef struct HelperTraces {
    HelperTrail *ring; /* NULL until the first one */
    unsigned max;      /* exchanges it holds; 0: none */
    unsigned count, next;
    ListNode taps;
} HelperTraces;

/* How many reservations a client has. */
typedef struct HelperClient HelperClient;

/* One dialog. Its channel is set from its first line on. */
struct HelperReservation {
    uint32_t magic;
    bool hasBegun; /* has got an answer of its process */
    bool isLost;
    HelperPool *pool;  /* NULL once that is destroyed */
    ListNode node;     /* in pool->reservations */
    ListNode idleNode; /* in pool->idleReservations: has a process, and no
                          request */
    HelperChannel *channel;
    HelperRequest *request; /* the one that is not answered */
    HelperReplyCb *cb;      /* and its caller */
    void *data;
    HelperClient *client;
    int64_t idleUs;
    char why[192]; /* it is lost */
};

struct HelperPool {
    uint32_t magic;
    bool stopping;   /* takes no more requests */
    bool closing;    /* and gives up those it has */
    bool destroyed;  /* memory lives until the end of the turn */
    bool hasNoAhead; /* its program loses lines that come with another */
    HelperThread *thread;
    ListNode node;       /* in thread->pools */
    HelperConfig config; /* name and argv are ours */
    char *program;       /* argv joined */

    HelperPlace place;
    ListNode channels; /* alive */
    ListNode leavers;  /* on their way out */
    ListNode dirty;    /* channels with lines to write */
    unsigned alive, leaving;
    unsigned target; /* processes wanted: startup, raised by need */

    /* Processes on their way to be replaced, all of them alive. */
    ListNode worn;     /* those that are due */
    ListNode outgoing; /* those that serve until their replacement has
                          started */
    ListNode retiring; /* those that finish what they have */
    unsigned replaced; /* in outgoing and retiring */
    unsigned outgoingCount;
    unsigned proving;  /* without channel-IDs, and may soon get lines ahead */
    unsigned unproven; /* wait for the answer to their first probe */
    unsigned lastNumber;
    HelperRestart restart;
    char trouble[256]; /* how the last process ended or failed to start */
    int64_t troubleAtUs;

    ListNode queue;   /* requests waiting for a process */
    ListNode resting; /* and those that wait before another try */
    ListNode due;     /* those with an answer of the pool */
    unsigned dueCount;
    unsigned queued;      /* in queue and resting */
    unsigned inflight;    /* at channels, not abandoned */
    ListNode deadlines;   /* requests with a caller, oldest first */
    ListNode overdue;     /* abandoned ones, and those at a process that
                             carry a question, by the time the process must
                             have answered */
    HelperText texts;     /* lines of all requests */
    HelperChunk *chunk;   /* of those without a chunk of their process */
    HelperRequest *spare; /* request objects for reuse */
    unsigned spareCount;

    ListNode reservations;
    ListNode idleReservations; /* longest idle first */
    unsigned reserved;         /* processes that serve one */
    HelperClient *clients;     /* by name */

    CommDeferred settle; /* decides and writes at the end of the turn */
    CommTimer *deadlineTimer, *restTimer, *startTimer, *idleTimer, *drainTimer;
    CommTimer *reclaimTimer, *ageTimer, *probeTimer;
    HelperRss *rss;
    int64_t overloadToldUs; /* when the log last said so */

    uint64_t requests, replies, byResult[HELPER_RESULT_COUNT];
    uint64_t failedOpen; /* told OK by fail=open; not in byResult */
    uint64_t timeouts, cancelled, retries, restarts, overloads;
    uint64_t gone[HELPER_GONE_COUNT];
    HelperAnswers answers;
    HelperTraces traces;
    HelperHistogram queueUs, serviceUs;
};

/* What the pools of one thread share. */
struct HelperThread {
    ListNode pools;
    char *readBuf; /* all channels read into it, in turn */
    size_t readSize;
    char *scratch; /* decoded pairs of the reply being handled */
    size_t scratchSize;
    int64_t readUs;  /* time of the turn while answers are handled, else 0 */
    int64_t turnUs;  /* the turn that startUs belongs to */
    int64_t startUs; /* spent in it on starting processes */
};

/* Copy config with its strings, numbers made sane. 0, or -EINVAL. */
int helperConfigCopy(const HelperConfig *config, HelperConfig *copyOut);

/* Free the strings of a copy. */
void helperConfigFini(HelperConfig *config);

/* True when processes started with the one would differ from those started
 * with the other. */
bool helperConfigIsOther(const HelperConfig *a, const HelperConfig *b);

/* True when a and b have the same program with the same arguments. */
bool helperConfigIsSameProgram(const HelperConfig *a, const HelperConfig *b);

/* Requests that a new process may have at once. */
unsigned helperConfigShare(const HelperConfig *config);

/* argv joined with blanks; returns owned. */
char *helperConfigProgram(const HelperConfig *config);

/* A request under a deadline (but for cb NULL), without line, in no place
 * yet. */
HelperRequest *helperRequestCreate(HelperPool *pool, HelperReplyCb *cb,
                                   void *data);

/* Let the request have a copy of line, with room for a channel-ID. */
void helperRequestKeep(HelperRequest *request, const char *line, size_t len);

/* Give back a request that is in no place any more. */
void helperRequestFree(HelperRequest *request);

/* Free the objects kept for reuse. */
void helperRequestFreeSpare(HelperPool *pool);

/* Put a request at the end of the queue, or at its front. */
void helperQueuePush(HelperRequest *request, bool front);

/* Let a request rest before its next try. */
void helperQueueRest(HelperRequest *request);

/* Take the first of the queue, or NULL. */
HelperRequest *helperQueuePop(HelperPool *pool);

/*
 * Answer a request, which is in no place, by the pool itself: its callback
 * runs at the end of the turn. why: text that lives as long as the pool.
 */
void helperQueueAnswer(HelperRequest *request, HelperResult result,
                       const char *why);

/* The same by an answer that was kept; holds on to it. */
void helperQueueAnswerKept(HelperRequest *request, HelperKept *kept,
                           HelperSource source);

/* Answer all that wait in the queue or rest. */
void helperQueueAnswerAll(HelperPool *pool, HelperResult result,
                          const char *why);

/* Call back for the first of the answered requests. It may destroy the
 * pool. */
void helperQueueCallFirst(HelperPool *pool);

/* Call back and free. Callback: last statement. */
void helperRequestFinish(HelperRequest *request, const HelperReply *reply);

/* Keep a request, whose caller has gone, under the deadline of its process. */
void helperQueueSetOverdue(HelperRequest *request);

/* Keep a request at a process, that carries a question, under the deadline
 * of the process. */
void helperQueueWatchProcess(HelperRequest *request);

/* The line of a request; NULL when it has none. */
const char *helperRequestLine(const HelperRequest *request, size_t *lenOut);

/* Prepare what the configuration wants of cache and collapse. */
void helperAnswersInit(HelperPool *pool);

/* Free it. */
void helperAnswersFini(HelperPool *pool);

/* The configuration has changed: keep answers as it wants. With forget, drop
 * those there are; for a caller whose program is another one now. */
void helperAnswersReconfigure(HelperPool *pool, bool forget);

/* Answer a new request without asking for it alone: by a kept answer, or with
 * others that have the same line. True when it is taken. */
bool helperAnswersTake(HelperRequest *request, const char *line, size_t len);

/* Give the last answer of a process to its request and keep it. Takes
 * request. line: the answer as it came. Callback: may destroy the pool. */
void helperAnswersGive(HelperRequest *request, const HelperReply *reply,
                       const char *line);

/* Keep the answer to a request, or drop an older one. */
void helperAnswersKeep(const HelperRequest *request, const HelperReply *reply,
                       const char *line);

/* Give an answer that was kept where it is to be. Takes request. */
void helperAnswersFinish(HelperRequest *request, const HelperReply *reply);

/* As helperQueueAnswer, but what the fail policy says instead, if it has
 * something to say. */
void helperAnswersFail(HelperRequest *request, HelperResult result,
                       const char *why);

/* Let the fail policy answer a request that would end with result; false
 * when it has nothing to say. */
bool helperAnswersFailOver(HelperRequest *request, HelperResult result,
                           const char *why);

/*
 * What the fail policy says to a request that ends with result, for use now:
 * replyOut is filled in all cases. Borrows the thread's scratch; *keptOut is
 * to be let go after use.
 */
void helperAnswersFailNow(const HelperRequest *request, HelperResult result,
                          const char *why, HelperReply *replyOut,
                          HelperKept **keptOut);

/* Join a request to others with the same line, if there are any. */
bool helperCollapseJoin(HelperRequest *asker, const char *line, size_t len);

/* Let others join this request from now on; returns the one to be asked in
 * its place. */
HelperRequest *helperCollapseBegin(HelperRequest *asker, const char *line,
                                   size_t len);

/* Take a request from those it has joined; the last one to leave takes the
 * question with it. */
void helperCollapseLeave(HelperRequest *asker);

/* Give an answer to all that wait for what carrier asked. Takes carrier. line:
 * the answer as it came. Callback: may destroy the pool. */
void helperCollapseAnswer(HelperRequest *carrier, const HelperReply *reply,
                          const char *line);

/* The same when there is none. */
void helperCollapseFail(HelperRequest *carrier, HelperResult result,
                        const char *why);

/* The process is late: let another one carry the question. */
void helperCollapseAskAgain(HelperRequest *carrier);

/* Prepare what the configuration wants of traces. */
void helperTraceInit(HelperPool *pool);

/* Free the ring. */
void helperTraceFini(HelperPool *pool);

/* The configuration has changed: keep as many exchanges as it says. */
void helperTraceReconfigure(HelperPool *pool);

/* Tell the taps that the pool ends. */
void helperTraceEnd(HelperPool *pool);

/* True when somebody wants to know of exchanges. */
static inline bool
helperTraceIsOn(const HelperPool *pool)
{
    return pool->traces.max > 0 || !listIsEmpty(&pool->traces.taps);
}

/* A process has answered a request; line as it was parsed. */
void helperTraceReply(const HelperRequest *request, const HelperChannel *from,
                      HelperResult result, const char *line, size_t len);

/* The pool answers a request. */
void helperTraceOwn(const HelperRequest *request, HelperResult result);

/* A kept answer is given now to a request of that time. */
void helperTraceKept(HelperPool *pool, const HelperKept *kept, int64_t sinceUs,
                     int64_t nowUs);

/* Give a new request to a process, let it wait for one, or refuse it. */
void helperPoolPlace(HelperRequest *request, const char *line, size_t len);

/* Start a process for the pool, and count it in. NULL with errno. */
HelperChannel *helperChannelStart(HelperPool *pool);

/* Put it down for what it did; its requests go back to the pool. */
void helperChannelFail(HelperChannel *channel, HelperGone reason,
                       const char *why);

/* It has no more to say; wait a moment for how it ends. */
void helperChannelLose(HelperChannel *channel, const char *why);

/* Give its requests back now and let it leave by EOF, SIGTERM, SIGKILL. */
void helperChannelLeave(HelperChannel *channel, HelperGone reason,
                        const char *why);

/* Give it no more requests; it finishes those it has. */
void helperChannelRetire(HelperChannel *channel);

/* Give its requests back now and leave the process to ipc, which ends and
 * reaps it. */
void helperChannelRelease(HelperChannel *channel);

/* Put it down: no answer of it came in time. */
void helperChannelFailLate(HelperChannel *channel);

/* True while it may be given requests. */
bool helperChannelIsServing(const HelperChannel *channel);

/* An answer of it is overdue: put it down if that is too much. */
void helperChannelMissed(HelperChannel *channel);

/* The process has given a valid answer. */
void helperChannelAnswered(HelperChannel *channel);

/* Put the process down for a line that it said, which is shown. */
void helperChannelFailForLine(HelperChannel *channel, const char *wrong,
                              const char *line, size_t len);

/* The name of a state. */
const char *helperChannelStateName(HelperChannelState state);

/* Give it a new request, and the line that is copied now. Leaves at the end
 * of the turn. */
void helperChannelAsk(HelperChannel *channel, HelperRequest *request,
                      const char *line, size_t len);

/* Give it a request that has its line. Leaves at the end of the turn. */
void helperChannelDispatch(HelperChannel *channel, HelperRequest *request,
                           int64_t nowUs);

/* True when some of the line has been written to the process. */
bool helperChannelHasBegun(const HelperChannel *channel,
                           const HelperRequest *request);

/* Forget what was not written. */
void helperChannelDropOutput(HelperChannel *channel);

/* Write what it has to be told. */
void helperChannelFlush(HelperChannel *channel);

/* Wait for its answers; cheap when already waiting. */
void helperChannelListen(HelperChannel *channel);

/* Read and handle what it has said until there is no more. Callbacks may
 * destroy the pool. */
void helperChannelReadRest(HelperChannel *channel);

/* A process has been started: it may show that it takes lines ahead. */
void helperAheadStart(HelperChannel *channel);

/* True when what waits may soon fit the processes there are. */
bool helperAheadIsAwaited(HelperPool *pool);

/* The process begins anew to show that it takes lines ahead. */
void helperAheadReset(HelperChannel *channel);

/* A process without channel-IDs has answered a request rightly. */
void helperAheadAnswered(HelperChannel *channel, const HelperRequest *request);

/* All that it was sent from this octet on left in one write. */
void helperAheadWritten(HelperChannel *channel, uint64_t from);

/* Take a request off it, into no place. */
void helperChannelDetach(HelperChannel *channel, HelperRequest *request);

/* The caller of a request at this channel has gone; takes the request. */
void helperChannelAbandon(HelperChannel *channel, HelperRequest *request);

/* Bring requests and processes together; start what is missing. */
void helperRecruit(HelperPool *pool);

/* Give waiting requests to processes that have room. */
void helperRecruitPlace(HelperPool *pool);

/* Processes that are not to be replaced. */
static inline unsigned
helperPoolStaff(const HelperPool *pool)
{
    return pool->alive - pool->replaced;
}

/* A process has been started: probe it first, if that is configured. */
void helperProbeStart(HelperChannel *channel);

/* The answer to a probe has come. Takes request. */
void helperProbeReplied(HelperChannel *channel, HelperRequest *request,
                        char *line, size_t len);

/* The process serves no more, or gives back its requests (isOver). */
void helperProbeForget(HelperChannel *channel, bool isOver);

/* See to it that idle processes are probed. */
void helperProbeWatch(HelperPool *pool);

/* Memory figures, which are sampled while somebody asks for them. */
HelperRss *helperRssCreate(HelperPool *pool);

/* Somebody asks: sample some now and the rest in later turns. */
void helperRssWant(HelperRss *rss);

/* Clears *rss. */
void helperRssDestroy(HelperRss **rss);

/* How long a process may serve, by the configuration. */
void helperRetireSetLimits(HelperChannel *channel);

/* It is to be replaced, in its turn. Harmless when it already is. */
void helperRetireNote(HelperChannel *channel, HelperGone why);

/* It is not to be replaced any more: it goes, or somebody needs it. */
void helperRetireForget(HelperChannel *channel);

/* Choose those that are replaced next; starts follow. */
void helperRetireBegin(HelperPool *pool);

/* Send off those that are replaced, done, or too many. */
void helperRetireGo(HelperPool *pool);

/* See to it that processes are replaced at their age. */
void helperRetireWatch(HelperPool *pool);

/* Look again when each process has to be replaced for its age. */
void helperRetireReset(HelperPool *pool);

/* Go on with another timeoutMs. */
void helperQueueRearm(HelperPool *pool, int timeoutMs);

/* See to it that processes without work leave after a time. */
void helperRecruitWatchIdle(HelperPool *pool);

/* What is wrong with a line to be submitted: 0, or an errno of
 * helperSubmitLen. */
int helperPoolCheckLine(const HelperPool *pool, const char *line, size_t len);

/* Queue a request that no process has room for, or refuse it. */
void helperPoolEnqueue(HelperRequest *request, const char *line, size_t len);

/* The process that the first line of a dialog is for is chosen. */
void helperReservedBind(HelperRequest *request, HelperChannel *channel);

/* The process gives its requests back: its dialog is lost, unless it has not
 * begun. */
void helperReservedGone(HelperChannel *channel, const char *why);

/* Why a request of a dialog must not be asked again, or NULL. */
const char *helperReservedWhyLost(const HelperRequest *request);

/* A request of a dialog is cancelled, wherever it is. True when that took
 * it: it was at a process. */
bool helperReservedCancelled(HelperRequest *request);

/* The deadline of a request at a process has come. Takes request; its cb is
 * to be called next. */
void helperReservedExpired(HelperRequest *request);

/* Requests wait and no process can be started: take processes back from
 * dialogs that have been idle too long. */
void helperReservedReclaim(HelperPool *pool);

/* Make the buffers of the thread large enough for replyMax. */
void helperPoolGrowBuffers(HelperThread *thread, size_t replyMax);

/* Let the reservations outlive the pool. */
void helperReservedEnd(HelperPool *pool);

/* The answer to a request has come, without ID and line end; from is the
 * process that gave it. Takes request. Callback: may destroy the pool. */
void helperPoolReplied(HelperRequest *request, const HelperChannel *from,
                       char *line, size_t len);

/* The same for a request whose caller has gone. */
void helperPoolRepliedLate(HelperRequest *request, const HelperChannel *from,
                           char *line, size_t len);

/* A request comes back unanswered: try again or give up. counts: the failed
 * try is one of its attempts. */
void helperPoolTakeBack(HelperRequest *request, bool counts);

/* Decide what to do next at the end of this turn. */
void helperPoolSettle(HelperPool *pool);

/* helper_env.c: the environment of a new process: config's or ours, and what
 * its lines look like. Borrows its strings until freed; returns owned. */
const char **helperEnvCreate(const HelperConfig *config);

/* Tell who wants to know; channel NULL: no process. */
void helperEventRaise(const HelperPool *pool, const HelperChannel *channel,
                      HelperEventKind kind, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Remember what went wrong last; given to requests that fail for it. */
void helperPoolNoteTrouble(HelperPool *pool, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
