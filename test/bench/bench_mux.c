/*
 * bench_mux.c: squire-mux beside a bare relay, which only copies octets
 * between Squid and one child, and beside Squid's own helper-mux, if there.
 *
 *     bench_mux                              all figures
 *     bench_mux drive INFLIGHT SECONDS PROGRAM...  one program, for a profiler
 *     bench_mux relay PROGRAM                the relay
 *     bench_mux echo                         the child of all of them
 *
 * The programs take turns with the same load: so many requests with
 * channel-IDs are kept in flight, and each answer is checked. The relay hands
 * its child all lines as they come; squire-mux does so with --pipeline.
 */
#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "bench.h"
#include "check.h"
#include "comm.h"
#include "debug.h"
#include "ipc.h"

#define ROUNDS 7
#define ROUND_S 0.3
#define BUFFER 65536
#define IDS 65536u
#define HELPER_MUX "/usr/lib/squid/helper-mux"

#define LINE                                                                   \
    "http://www.example.com/a/page.html?x=1 10.0.0.1/- - GET myip=10.0.0.9 "   \
    "myport=3128"

static char self[4096], ours[4096];

static void
writeAll(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EAGAIN) {
            struct pollfd room = {.fd = fd, .events = POLLOUT};
            (void)poll(&room, 1, -1);
            continue;
        }
        if (n <= 0)
            exit(1);
        data += n;
        len -= (size_t)n;
    }
}

/* The child: OK to each line, after its ID if it has one; all lines of a
 * read at once. */
static int
serveEcho(void)
{
    static char in[BUFFER], out[2 * BUFFER];
    size_t held = 0;
    ssize_t n;

    while ((n = read(0, in + held, sizeof(in) - held)) > 0) {
        char *line = in, *end = in + held + n, *lf;
        size_t used = 0;
        while ((lf = memchr(line, '\n', (size_t)(end - line)))) {
            const char *at = line;
            while (*at >= '0' && *at <= '9')
                out[used++] = *at++;
            if (at > line)
                out[used++] = ' ';
            memcpy(out + used, "OK\n", 3);
            used += 3;
            line = lf + 1;
        }
        held = (size_t)(end - line);
        memmove(in, line, held);
        writeAll(1, out, used);
    }
    return 0;
}

/* Copy what is there. False at the end. */
static bool
copyOnce(int from, int to)
{
    static char text[BUFFER];

    ssize_t n = read(from, text, sizeof(text));
    if (n > 0)
        writeAll(to, text, (size_t)n);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

static int
relay(const char *program)
{
    const char *const args[] = {program, "echo", NULL};
    struct epoll_event events[2];
    bool isOpen = true;
    int child;

    pid_t pid =
        ipcCreate(IPC_STREAM, program, args, "child", &child, &child, NULL);
    int loop = epoll_create1(EPOLL_CLOEXEC);
    CHECK(pid > 0 && loop >= 0);
    struct epoll_event fromUs = {.events = EPOLLIN, .data.fd = 0};
    struct epoll_event fromChild = {.events = EPOLLIN, .data.fd = child};
    CHECK(!epoll_ctl(loop, EPOLL_CTL_ADD, 0, &fromUs));
    CHECK(!epoll_ctl(loop, EPOLL_CTL_ADD, child, &fromChild));
    while (isOpen) {
        int n = epoll_wait(loop, events, 2, -1);
        for (int i = 0; i < n && isOpen; i++)
            isOpen = events[i].data.fd == 0 ? copyOnce(0, child)
                                            : copyOnce(child, 1);
    }
    ipcClose(pid, child, -1);
    return 0;
}

/* A program under load. */
typedef struct Subject {
    pid_t pid;
    int fd;
    uint32_t lastId;
    size_t held;
    char in[BUFFER];
    char out[2 * BUFFER];
    bool isOut[IDS];
} Subject;

static Subject direct, bare, piped, single, many, perl;

static void
startSubject(Subject *subject, const char *const *args)
{
    IpcAttr attr;

    ipcAttrInit(&attr);
    attr.stderrMode = IPC_STDERR_NULL;
    subject->pid = ipcCreateAttr(IPC_STREAM, args[0], args, "subject", &attr,
                                 &subject->fd, &subject->fd, NULL);
    CHECK(subject->pid > 0);
}

static size_t
addRequest(Subject *subject, size_t used)
{
    uint32_t id = ++subject->lastId;

    CHECK(!subject->isOut[id % IDS]);
    subject->isOut[id % IDS] = true;
    return used + (size_t)snprintf(subject->out + used,
                                   sizeof(subject->out) - used, "%u %s\n", id,
                                   LINE);
}

/* One more answer has to be right. */
static void
takeAnswer(Subject *subject, const char *line)
{
    char *rest;
    unsigned long id = strtoul(line, &rest, 10);

    CHECK(rest > line && !strncmp(rest, " OK\n", 4));
    CHECK(subject->isOut[id % IDS]);
    subject->isOut[id % IDS] = false;
}

/* Wait, read once; answers taken. With more, ask again for each. */
static unsigned
takeAnswers(Subject *subject, bool more)
{
    struct pollfd wait = {.fd = subject->fd, .events = POLLIN};
    unsigned count = 0;
    size_t used = 0;

    CHECK(poll(&wait, 1, 20000) == 1);
    ssize_t n = read(subject->fd, subject->in + subject->held,
                     sizeof(subject->in) - subject->held);
    CHECK(n > 0);
    char *line = subject->in, *end = line + subject->held + n, *lf;
    for (; (lf = memchr(line, '\n', (size_t)(end - line))); line = lf + 1) {
        takeAnswer(subject, line);
        if (more)
            used = addRequest(subject, used);
        count++;
    }
    subject->held = (size_t)(end - line);
    memmove(subject->in, line, subject->held);
    writeAll(subject->fd, subject->out, used);
    return count;
}

/* Requests a second with so many in flight. */
static double
drive(Subject *subject, unsigned inflight, double seconds)
{
    int64_t startUs = commClockUs(), nowUs = startUs;
    int64_t endUs = startUs + (int64_t)(seconds * 1e6);
    uint64_t done = 0;
    size_t used = 0;

    for (unsigned i = 0; i < inflight; i++)
        used = addRequest(subject, used);
    writeAll(subject->fd, subject->out, used);
    for (unsigned open = inflight; open > 0; nowUs = commClockUs()) {
        bool more = nowUs < endUs;
        unsigned count = takeAnswers(subject, more);
        done += count;
        open -= more ? 0 : count;
    }
    return (double)done * 1e6 / (double)(nowUs - startUs);
}

typedef struct Figure {
    const char *name;
    Subject *ours;
    const char *peerName;
    Subject *peer;
    unsigned inflight;
    double target; /* 0: none */
} Figure;

static void
printRate(const Figure *figure)
{
    double values[ROUNDS], peers[ROUNDS], ratios[ROUNDS];

    for (int i = -1; i < ROUNDS; i++) {
        double peer = drive(figure->peer, figure->inflight, ROUND_S);
        double value = drive(figure->ours, figure->inflight, ROUND_S);
        if (i < 0)
            continue; /* to get warm */
        values[i] = value;
        peers[i] = peer;
        ratios[i] = value / peer;
    }
    printf("{\"figure\": \"%s, %u in flight\", \"unit\": \"/s\", "
           "\"value\": %.0f, \"peer\": \"%s\", \"peer_value\": %.0f, "
           "\"ratio\": %.3f",
           figure->name, figure->inflight, benchMedian(values, ROUNDS),
           figure->peerName, benchMedian(peers, ROUNDS),
           benchMedian(ratios, ROUNDS));
    if (figure->target > 0)
        printf(", \"target\": %g, \"sense\": \"min\"", figure->target);
    printf("}\n");
    fflush(stdout);
}

/* What it adds to the child's own round trip, in such round trips. */
static void
printAdded(const char *name, Subject *subject, double target)
{
    double added[ROUNDS], trips[ROUNDS], ratios[ROUNDS];

    for (int i = -1; i < ROUNDS; i++) {
        double trip = 1e6 / drive(&direct, 1, ROUND_S);
        double through = 1e6 / drive(subject, 1, ROUND_S);
        if (i < 0)
            continue;
        trips[i] = trip;
        added[i] = through - trip;
        ratios[i] = added[i] / trip;
    }
    printf("{\"figure\": \"latency that %s adds, 1 in flight\", \"unit\": "
           "\"us\", \"value\": %.1f, \"peer\": \"one bare round trip\", "
           "\"peer_value\": %.1f, \"ratio\": %.3f",
           name, benchMedian(added, ROUNDS), benchMedian(trips, ROUNDS),
           benchMedian(ratios, ROUNDS));
    if (target > 0)
        printf(", \"target\": %g, \"sense\": \"max\"", target);
    printf("}\n");
    fflush(stdout);
}

static void
startAll(void)
{
    startSubject(&direct, (const char *const[]){self, "echo", NULL});
    startSubject(&bare, (const char *const[]){self, "relay", self, NULL});
    startSubject(&piped, (const char *const[]){ours, "--max", "1", "--pipeline",
                                               "64", "--", self, "echo", NULL});
    startSubject(&single, (const char *const[]){ours, "--max", "1", "--", self,
                                                "echo", NULL});
    startSubject(&many, (const char *const[]){ours, "--max", "16", "--", self,
                                              "echo", NULL});
    if (access(HELPER_MUX, X_OK) == 0)
        startSubject(&perl,
                     (const char *const[]){HELPER_MUX, self, "echo", NULL});
}

static void
stopAll(void)
{
    Subject *const all[] = {&direct, &bare, &piped, &single, &many, &perl};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i]->pid > 0)
            ipcClose(all[i]->pid, all[i]->fd, -1);
}

static void
measureAll(void)
{
    startAll();
    printRate(&(Figure){"squire-mux --pipeline 64, one plain child", &piped,
                        "bare relay", &bare, 16, 0.8});
    printRate(&(Figure){"squire-mux, one plain child, a line at a time",
                        &single, "bare relay", &bare, 16, 0});
    if (perl.pid > 0) {
        printRate(&(Figure){"squire-mux --pipeline 64, one plain child", &piped,
                            "helper-mux", &perl, 16, 1});
        printRate(&(Figure){"squire-mux, 16 plain children", &many,
                            "helper-mux", &perl, 16, 1});
    }
    printAdded("squire-mux", &single, 1.3);
    printAdded("a bare relay", &bare, 0);
    stopAll();
}

static void
profile(char **argv)
{
    union {
        char **given;
        const char *const *taken;
    } args = {.given = argv + 4};

    startSubject(&piped, args.taken);
    double rate = drive(&piped, (unsigned)strtoul(argv[2], NULL, 10),
                        strtod(argv[3], NULL));
    printf("%.0f /s\n", rate);
    ipcClose(piped.pid, piped.fd, -1);
}

int
main(int argc, char **argv)
{
    const char *build = getenv("SQUIRE_BUILD");

    if (argc == 2 && !strcmp(argv[1], "echo"))
        return serveEcho();
    CHECK(readlink("/proc/self/exe", self, sizeof(self) - 1) > 0);
    CHECK(commInit() == 0);
    debugOptions("ALL,0");
    snprintf(ours, sizeof(ours), "%s/src/squire-mux", build ? build : "build");
    int status = 0;
    if (argc == 3 && !strcmp(argv[1], "relay"))
        status = relay(argv[2]);
    else if (argc > 4 && !strcmp(argv[1], "drive"))
        profile(argv);
    else
        measureAll();
    commFini();
    return status;
}
