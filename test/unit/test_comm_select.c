/* test_comm_select.c: requests, timeouts and close handlers. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "comm.h"
#include "support.h"

TestSuite(commSelect, .init = supportCommInit, .fini = supportCommFini,
          .timeout = 20);

typedef struct Seen {
    int calls;
    int fd;
    ssize_t got;
    int err;
    char text[32];
    bool isTimedOut;
} Seen;

static void
readOnce(int fd, void *data)
{
    Seen *seen = data;

    seen->calls++;
    seen->fd = fd;
    seen->isTimedOut = commIsTimedOut(fd);
    errno = 0;
    seen->got = read(fd, seen->text, sizeof(seen->text) - 1);
    seen->err = errno;
}

static void
countCall(int fd, void *data)
{
    (void)fd;
    ++*(int *)data;
}

static void
turn(void)
{
    commLoopStop();
    cr_assert_eq(commLoopRun(), 0);
}

static void
openPair(int fds[2])
{
    supportSocketPair(fds);
    cr_assert_eq(commOpen(fds[0], "ours"), 0);
}

static void
send1(int fd, const char *text)
{
    cr_assert_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

Test(commSelect, S004_9_handler_runs_when_readable_and_only_once)
{
    int fds[2];
    Seen seen = {0};

    openPair(fds);
    commSetSelect(fds[0], COMM_SELECT_READ, readOnce, &seen, 0);
    cr_assert_eq(seen.calls, 0);
    turn();
    cr_assert_eq(seen.calls, 0);
    send1(fds[1], "one");
    turn();
    cr_assert_eq(seen.calls, 1);
    cr_assert_eq(seen.fd, fds[0]);
    cr_assert_str_eq(seen.text, "one");
    cr_assert_not(seen.isTimedOut);
    send1(fds[1], "two");
    for (int i = 0; i < 5; i++)
        turn();
    cr_assert_eq(seen.calls, 1);
    commSetSelect(fds[0], COMM_SELECT_READ, readOnce, &seen, 0);
    turn();
    cr_assert_eq(seen.calls, 2);
    commClose(fds[0]);
    close(fds[1]);
}

Test(commSelect, S004_10_eof_is_a_call_and_read_gives_0)
{
    int fds[2];
    Seen seen = {.got = 99};

    openPair(fds);
    commSetSelect(fds[0], COMM_SELECT_READ, readOnce, &seen, 0);
    close(fds[1]);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(seen.calls, 1);
    cr_assert_eq(seen.got, 0);
    commClose(fds[0]);
}

static void
loopbackPair(int fds[2])
{
    struct sockaddr_in addr = {.sin_family = AF_INET};
    socklen_t len = sizeof(addr);
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    cr_assert_eq(bind(server, (struct sockaddr *)&addr, sizeof(addr)), 0);
    cr_assert_eq(listen(server, 1), 0);
    cr_assert_eq(getsockname(server, (struct sockaddr *)&addr, &len), 0);
    fds[1] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(connect(fds[1], (struct sockaddr *)&addr, len), 0);
    fds[0] = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    cr_assert_geq(fds[0], 0);
    close(server);
}

/* The peer resets the connection while we wait. */
static void
reset(int fd)
{
    struct linger linger = {1, 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
}

Test(commSelect, S004_11_an_error_is_a_call_and_read_gives_minus_1)
{
    int fds[2];
    Seen seen = {0};

    loopbackPair(fds);
    cr_assert_eq(commOpen(fds[0], "tcp"), 0);
    commSetSelect(fds[0], COMM_SELECT_READ, readOnce, &seen, 0);
    reset(fds[1]);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(seen.calls, 1);
    cr_assert_eq(seen.got, -1);
    cr_assert_eq(seen.err, ECONNRESET);
    commClose(fds[0]);
}

static void
writeOnce(int fd, void *data)
{
    Seen *seen = data;

    seen->calls++;
    errno = 0;
    seen->got = send(fd, "x", 1, MSG_NOSIGNAL);
    seen->err = errno;
}

Test(commSelect, S004_11_a_write_handler_learns_of_the_error_too)
{
    int fds[2];
    Seen seen = {0};
    char fill[65536] = {0};

    openPair(fds);
    while (write(fds[0], fill, sizeof(fill)) > 0)
        ;
    commSetSelect(fds[0], COMM_SELECT_WRITE, writeOnce, &seen, 0);
    turn();
    cr_assert_eq(seen.calls, 0);
    close(fds[1]);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(seen.calls, 1);
    cr_assert_eq(seen.got, -1);
    cr_assert_eq(seen.err, EPIPE);
    commClose(fds[0]);
}

Test(commSelect, both_kinds_on_one_descriptor_are_two_requests)
{
    int fds[2], reads = 0, writes = 0;

    openPair(fds);
    send1(fds[1], "x");
    commSetSelect(fds[0], COMM_SELECT_READ, countCall, &reads, 0);
    commSetSelect(fds[0], COMM_SELECT_WRITE, countCall, &writes, 0);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(reads, 1);
    cr_assert_eq(writes, 1);
    commSetSelect(fds[0], COMM_SELECT_READ | COMM_SELECT_WRITE, countCall,
                  &reads, 0);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(reads, 3);
    commClose(fds[0]);
    close(fds[1]);
}

Test(commSelect, null_cancels_one_kind_only)
{
    int fds[2], reads = 0, writes = 0;

    openPair(fds);
    send1(fds[1], "x");
    commSetSelect(fds[0], COMM_SELECT_READ, countCall, &reads, 5);
    commSetSelect(fds[0], COMM_SELECT_WRITE, countCall, &writes, 0);
    commSetSelect(fds[0], COMM_SELECT_READ, NULL, NULL, 0);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(reads, 0);
    cr_assert_eq(writes, 1);
    commSetSelect(9999, COMM_SELECT_READ, NULL, NULL, 0);
    cr_assert_not(commIsOpen(9999));
    commClose(fds[0]);
    close(fds[1]);
}

Test(commSelect, an_unknown_descriptor_is_adopted)
{
    int fds[2], calls = 0;

    supportSocketPair(fds);
    fcntl(fds[0], F_SETFL, 0);
    fcntl(fds[0], F_SETFD, 0);
    cr_assert_not(commIsOpen(fds[0]));
    commSetSelect(fds[0], COMM_SELECT_WRITE, countCall, &calls, 0);
    cr_assert(commIsOpen(fds[0]));
    cr_assert(fcntl(fds[0], F_GETFL) & O_NONBLOCK);
    cr_assert(fcntl(fds[0], F_GETFD) & FD_CLOEXEC);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(calls, 1);
    commClose(fds[0]);
    close(fds[1]);
}

/* Ping-pong with itself: re-armed inside the handler, a hundred times. */
static void
readAgain(int fd, void *data)
{
    int *left = data;
    char c;

    cr_assert_eq(read(fd, &c, 1), 1);
    if (--*left > 0)
        commSetSelect(fd, COMM_SELECT_READ, readAgain, data, 0);
}

Test(commSelect, re_arming_inside_the_handler_works)
{
    int fds[2], left = 100;
    char fill[100] = {0};

    openPair(fds);
    cr_assert_eq(write(fds[1], fill, sizeof(fill)), 100);
    commSetSelect(fds[0], COMM_SELECT_READ, readAgain, &left, 0);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(left, 0);
    commClose(fds[0]);
    close(fds[1]);
}

/* Each turn with nothing to do would be a busy loop. */
Test(commSelect, events_nobody_asked_for_do_not_spin)
{
    int fds[2], reads = 0, never = 0;
    CommStats before, after;

    openPair(fds);
    send1(fds[1], "x");
    commSetSelect(fds[0], COMM_SELECT_READ | COMM_SELECT_WRITE, countCall,
                  &reads, 0);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(reads, 2);
    send1(fds[1], "more");
    shutdown(fds[1], SHUT_RDWR);
    commStatsGet(&before, false);
    commSetTimeout(fds[0], 30, countCall, &never);
    cr_assert_eq(commLoopRun(), 0);
    commStatsGet(&after, false);
    cr_assert_eq(never, 1);
    cr_assert_leq(after.turns - before.turns, 10);
    commSetSelect(fds[0], COMM_SELECT_READ, countCall, &reads, 0);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(reads, 3);
    commClose(fds[0]);
    close(fds[1]);
}

typedef struct Pair {
    int mine;
    int other;
    int calls;
    int late;
} Pair;

static void
cancelOther(int fd, void *data)
{
    Pair *pair = data;

    pair->calls++;
    commSetSelect(fd == pair->mine ? pair->other : pair->mine, COMM_SELECT_READ,
                  NULL, NULL, 0);
}

static void
closeOther(int fd, void *data)
{
    Pair *pair = data;

    pair->calls++;
    commClose(fd == pair->mine ? pair->other : pair->mine);
}

/* Both are ready in the same turn; whichever is called first wins. */
static void
runPair(CommSelectCb *handler, Pair *pair)
{
    int a[2], b[2];

    openPair(a);
    openPair(b);
    send1(a[1], "x");
    send1(b[1], "x");
    *pair = (Pair){.mine = a[0], .other = b[0]};
    commSetSelect(a[0], COMM_SELECT_READ, handler, pair, 0);
    commSetSelect(b[0], COMM_SELECT_READ, handler, pair, 0);
    cr_assert_eq(commLoopRun(), 0);
    close(a[1]);
    close(b[1]);
    if (commIsOpen(a[0]))
        commClose(a[0]);
    if (commIsOpen(b[0]))
        commClose(b[0]);
}

Test(commSelect, cancelling_a_pending_event_in_the_same_turn_wins)
{
    Pair pair;

    runPair(cancelOther, &pair);
    cr_assert_eq(pair.calls, 1);
}

Test(commSelect, closing_another_descriptor_in_the_same_turn_wins)
{
    Pair pair;

    runPair(closeOther, &pair);
    cr_assert_eq(pair.calls, 1);
}

static void
noteLate(int fd, void *data)
{
    (void)fd;
    ((Pair *)data)->late++;
}

/* The other descriptor is ready in this turn too; its number is taken by a
 * new one, which has nothing to read. */
static void
reuseOther(int fd, void *data)
{
    Pair *pair = data;
    int other = fd == pair->mine ? pair->other : pair->mine;
    int fds[2];

    if (pair->calls++)
        return;
    commClose(other);
    supportSocketPair(fds);
    cr_assert(fds[0] == other || fds[1] == other);
    cr_assert_eq(commOpen(fds[0], "new"), 0);
    cr_assert_eq(commOpen(fds[1], "new"), 0);
    commSetSelect(other, COMM_SELECT_READ, noteLate, pair, 0);
}

Test(commSelect, a_reused_number_does_not_get_the_old_event)
{
    int a[2], b[2];
    Pair pair;

    openPair(a);
    openPair(b);
    send1(a[1], "x");
    send1(b[1], "x");
    pair = (Pair){.mine = a[0], .other = b[0]};
    commSetSelect(a[0], COMM_SELECT_READ, reuseOther, &pair, 0);
    commSetSelect(b[0], COMM_SELECT_READ, reuseOther, &pair, 0);
    for (int i = 0; i < 4; i++)
        turn();
    cr_assert_eq(pair.calls, 1);
    cr_assert_eq(pair.late, 0);
    close(a[1]);
    close(b[1]);
}

/* Its own number this time, and both kinds were due. */
static void
reuseSelf(int fd, void *data)
{
    Pair *pair = data;
    int fds[2];

    pair->calls++;
    commClose(fd);
    supportSocketPair(fds);
    cr_assert_eq(fds[0], fd);
    pair->other = fds[1];
    cr_assert_eq(commOpen(fds[0], "new"), 0);
    commSetSelect(fds[0], COMM_SELECT_READ, noteLate, pair, 0);
    commSetSelect(fds[0], COMM_SELECT_WRITE, noteLate, pair, 0);
}

Test(commSelect, a_number_reused_inside_its_own_handler_starts_afresh)
{
    int fds[2];
    Pair pair = {0};

    openPair(fds);
    send1(fds[1], "x");
    commSetSelect(fds[0], COMM_SELECT_READ, reuseSelf, &pair, 0);
    commSetSelect(fds[0], COMM_SELECT_WRITE, noteLate, &pair, 0);
    turn();
    cr_assert_eq(pair.calls, 1);
    cr_assert_eq(pair.late, 0);
    turn();
    cr_assert_eq(pair.late, 1);
    send1(pair.other, "x");
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(pair.late, 2);
    close(fds[1]);
    close(pair.other);
}

Test(commSelect, a_request_times_out_into_its_own_handler)
{
    int fds[2];
    Seen seen = {0};

    openPair(fds);
    commSetSelect(fds[0], COMM_SELECT_READ, readOnce, &seen, 1);
    commSetTimeout(fds[0], -1, NULL, NULL);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(seen.calls, 1);
    cr_assert(seen.isTimedOut);
    cr_assert_eq(seen.err, EAGAIN);
    cr_assert_not(commIsTimedOut(fds[0]));
    commClose(fds[0]);
    close(fds[1]);
}

Test(commSelect, the_timeout_handler_stands_in_for_the_request)
{
    int fds[2], timeouts = 0;
    Seen seen = {0};

    openPair(fds);
    commSetSelect(fds[0], COMM_SELECT_READ, readOnce, &seen, 1);
    commSetTimeout(fds[0], 3600 * 1000, countCall, &timeouts);
    supportRunLoop(1100);
    cr_assert_eq(timeouts, 1);
    cr_assert_eq(seen.calls, 0);
    send1(fds[1], "late");
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_str_eq(seen.text, "late");
    commClose(fds[0]);
    close(fds[1]);
}

/* Timeouts far away, after a first one that made the timer run early. */
static void
setFarTimeout(int fd, int *timeouts)
{
    commSetTimeout(fd, 10, countCall, timeouts);
    commSetTimeout(fd, 3600 * 1000, countCall, timeouts);
}

/* One request was answered in time, one was cancelled, one went with its
 * descriptor, whose number has been taken again: none may time out later. */
Test(commSelect, the_deadline_of_a_request_ends_with_it)
{
    int a[2], b[2], c[2], d[2], calls = 0, timeouts = 0;

    openPair(a);
    openPair(b);
    openPair(d);
    commSetSelect(d[0], COMM_SELECT_READ, countCall, &calls, 1);
    commSetSelect(d[0], COMM_SELECT_READ, NULL, NULL, 0);
    commSetSelect(a[0], COMM_SELECT_READ, countCall, &calls, 1);
    commSetSelect(b[0], COMM_SELECT_READ, countCall, &calls, 1);
    send1(a[1], "x");
    turn();
    cr_assert_eq(calls, 1);
    commClose(b[0]);
    openPair(c);
    cr_assert_eq(c[0], b[0]);
    setFarTimeout(a[0], &timeouts);
    setFarTimeout(c[0], &timeouts);
    setFarTimeout(d[0], &timeouts);
    supportRunLoop(1100);
    cr_assert_eq(timeouts, 0);
    cr_assert_eq(calls, 1);
    commClose(a[0]);
    commClose(c[0]);
    commClose(d[0]);
    close(a[1]);
    close(b[1]);
    close(c[1]);
    close(d[1]);
}

Test(commSelect, closing_drops_the_timeout)
{
    int a[2], b[2], old = 0, calls = 0;

    openPair(a);
    commSetTimeout(a[0], 5, countCall, &old);
    commClose(a[0]);
    cr_assert_eq(commLoopRun(), 0);
    openPair(b);
    cr_assert_eq(b[0], a[0]);
    commSetTimeout(b[0], 10, countCall, &calls);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(calls, 1);
    cr_assert_eq(old, 0);
    commClose(b[0]);
    close(a[1]);
    close(b[1]);
}

Test(commSelect, a_timeout_runs_once_not_early_and_can_be_cleared)
{
    int fds[2], calls = 0;
    int64_t start;

    openPair(fds);
    start = commNowUs();
    commSetTimeout(fds[0], 20, countCall, &calls);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(calls, 1);
    cr_assert_geq(commNowUs() - start, 19500);
    commSetTimeout(fds[0], 20, countCall, &calls);
    commSetTimeout(fds[0], -1, countCall, &calls);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(calls, 1);
    commClose(fds[0]);
    close(fds[1]);
}

Test(commSelect, a_cleared_timeout_does_not_keep_the_loop)
{
    int fds[2], calls = 0;

    openPair(fds);
    commSetTimeout(fds[0], 3600 * 1000, countCall, &calls);
    turn();
    commSetTimeout(fds[0], -1, NULL, NULL);
    cr_assert_eq(commLoopRun(), 0);
    commClose(fds[0]);
    close(fds[1]);
}

/* The loop's idea of now is old when it has not run for a while. */
Test(commSelect, a_timeout_counts_from_now_although_the_loop_slept)
{
    int fds[2], calls = 0;
    int64_t start;

    openPair(fds);
    turn();
    usleep(30000);
    start = commClockUs();
    commSetTimeout(fds[0], 20, countCall, &calls);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_geq(commClockUs() - start, 19500);
    commClose(fds[0]);
    close(fds[1]);
}

/* Later: the timer fires early and is set again. Sooner: it is moved. */
Test(commSelect, a_timeout_moves_later_and_sooner)
{
    int fds[2], old = 0, moved = 0;
    int64_t start;

    openPair(fds);
    start = commNowUs();
    commSetTimeout(fds[0], 5, countCall, &old);
    commSetTimeout(fds[0], 30, countCall, &moved);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_geq(commNowUs() - start, 29500);
    commSetTimeout(fds[0], 3600 * 1000, countCall, &old);
    commSetTimeout(fds[0], 5, countCall, &moved);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(old, 0);
    cr_assert_eq(moved, 2);
    commClose(fds[0]);
    close(fds[1]);
}

/* A reply that is there already wins against its deadline, even if the
 * process was stopped in between. */
static void
clearTimeout(int fd, void *data)
{
    (void)data;
    commSetTimeout(fd, -1, NULL, NULL);
}

Test(commSelect, io_runs_before_a_deadline_of_the_same_turn)
{
    int fds[2], late = 0;

    openPair(fds);
    commSetSelect(fds[0], COMM_SELECT_READ, clearTimeout, NULL, 0);
    commSetTimeout(fds[0], 5, countCall, &late);
    turn();
    send1(fds[1], "x");
    usleep(20000);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(late, 0);
    commClose(fds[0]);
    close(fds[1]);
}

/* Pending and set again by an I/O handler of the same turn. */
static void
moveTimeout(int fd, void *data)
{
    char c;

    cr_assert_eq(read(fd, &c, 1), 1);
    commSetTimeout(fd, 10, countCall, data);
}

Test(commSelect, a_pending_timeout_may_be_moved)
{
    int fds[2], calls = 0;

    openPair(fds);
    for (int i = 0; i < 3; i++) {
        commSetSelect(fds[0], COMM_SELECT_READ, moveTimeout, &calls, 0);
        commSetTimeout(fds[0], 3, countCall, &calls);
        turn();
        send1(fds[1], "x");
        usleep(10000);
        turn();
        cr_assert_eq(calls, i);
        cr_assert_eq(commLoopRun(), 0);
        cr_assert_eq(calls, i + 1);
    }
    commClose(fds[0]);
    close(fds[1]);
}

static void
closeInTimeout(int fd, void *data)
{
    ++*(int *)data;
    commClose(fd);
}

Test(commSelect, a_timeout_handler_may_close_the_descriptor)
{
    int fds[2], calls = 0;

    openPair(fds);
    commSetSelect(fds[0], COMM_SELECT_READ, countCall, &calls, 100);
    commSetTimeout(fds[0], 5, closeInTimeout, &calls);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(calls, 1);
    cr_assert_not(commIsOpen(fds[0]));
    close(fds[1]);
}

static char closeOrder[16];

static void
noteClose(int fd, void *data)
{
    size_t len = strlen(closeOrder);

    cr_assert(fcntl(fd, F_GETFD) >= 0);
    commClose(fd);
    closeOrder[len] = *(const char *)data;
}

static void
noteCloseAndArm(int fd, void *data)
{
    commSetSelect(fd, COMM_SELECT_WRITE, countCall, data, 0);
    noteClose(fd, data);
}

Test(commSelect, close_handlers_run_last_added_first_and_once)
{
    static char a[] = "a", b[] = "b", c[] = "c";
    int fds[2];

    openPair(fds);
    commAddCloseHandler(fds[0], noteClose, a);
    commAddCloseHandler(fds[0], noteClose, b);
    commAddCloseHandler(fds[0], noteCloseAndArm, c);
    commAddCloseHandler(fds[0], noteClose, b);
    commRemoveCloseHandler(fds[0], noteClose, b);
    commRemoveCloseHandler(fds[0], noteClose, c);
    commClose(fds[0]);
    cr_assert_str_eq(closeOrder, "cba");
    cr_assert_eq(fcntl(fds[0], F_GETFD), -1);
    cr_assert_eq(commLoopRun(), 0);
    close(fds[1]);
}

Test(commSelect, release_gives_the_descriptor_back_open)
{
    static char a[] = "a";
    int fds[2], calls = 0;

    openPair(fds);
    send1(fds[1], "x");
    commAddCloseHandler(fds[0], noteClose, a);
    commSetSelect(fds[0], COMM_SELECT_READ, countCall, &calls, 5);
    turn();
    cr_assert_eq(calls, 1);
    commSetSelect(fds[0], COMM_SELECT_READ, countCall, &calls, 5);
    cr_assert_eq(commRelease(fds[0]), fds[0]);
    cr_assert_str_eq(closeOrder, "");
    cr_assert_not(commIsOpen(fds[0]));
    cr_assert_eq(commLoopRun(), 0);
    turn();
    cr_assert_eq(calls, 1);
    cr_assert_eq(commOpen(fds[0], "again"), 0);
    commSetSelect(fds[0], COMM_SELECT_READ, countCall, &calls, 0);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(calls, 2);
    commClose(fds[0]);
    close(fds[1]);
}

Test(commSelect, fini_closes_what_is_open_and_runs_close_handlers)
{
    static char a[] = "a";
    int fds[2], calls = 0;

    cr_assert_eq(commInit(), 0);
    openPair(fds);
    commAddCloseHandler(fds[0], noteClose, a);
    commSetSelect(fds[0], COMM_SELECT_READ, countCall, &calls, 5);
    commSetTimeout(fds[0], 5000, countCall, &calls);
    turn();
    commFini();
    cr_assert_str_eq(closeOrder, "");
    commFini();
    cr_assert_str_eq(closeOrder, "a");
    cr_assert_null(commLoopSelf());
    cr_assert_not(commIsOpen(fds[0]));
    cr_assert_eq(commInit(), 0);
    close(fds[1]);
}

Test(commSelect, open_refuses_a_bad_descriptor)
{
    int fd = open("/", O_PATH | O_CLOEXEC);

    cr_assert_eq(commOpen(9999, "none"), -EBADF);
    cr_assert_not(commIsOpen(9999));
    cr_assert_eq(commOpen(fd, "cannot be set non-blocking"), -EBADF);
    cr_assert_eq(fcntl(fd, F_GETFD), -1);
}

Test(commSelect, takes_any_timeout)
{
    int fds[2], calls = 0;

    openPair(fds);
    commSetTimeout(fds[0], INT64_MAX, countCall, &calls);
    commSetSelect(fds[0], COMM_SELECT_READ, countCall, &calls, INT_MAX);
    turn();
    cr_assert_eq(calls, 0);
    commSetTimeout(fds[0], 0, countCall, &calls);
    commSetSelect(fds[0], COMM_SELECT_READ, NULL, NULL, 0);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(calls, 1);
    commClose(fds[0]);
    close(fds[1]);
}

Test(commSelect, regular_files_are_always_ready)
{
    const char *path = supportTempPath("file");
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    Seen seen = {.got = 99};

    cr_assert_eq(commOpen(fd, "file"), 0);
    commSetSelect(fd, COMM_SELECT_READ, readOnce, &seen, 5);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(seen.got, 0);
    commClose(fd);
}

static void
appendNote(int fd, const char *note, void *data)
{
    char *text = data;

    (void)fd;
    snprintf(text + strlen(text), 200 - strlen(text), "[%s]", note);
}

Test(commSelect, descriptors_have_names_and_are_counted)
{
    int a[2];
    char text[200] = "";
    CommStats stats;

    openPair(a);
    cr_assert_eq(commOpen(a[1], NULL), 0);
    commNote(a[1], "helper %d %0100d", 7, 1);
    commStatsGet(&stats, false);
    cr_assert_eq(stats.openFds, 2);
    commForEachFd(appendNote, text);
    cr_assert_eq(strncmp(text, "[ours][helper 7 000", 19), 0);
    cr_assert_eq(strlen(text), 6 + 2 + 63);
    commClose(a[0]);
    commClose(a[1]);
    commStatsGet(&stats, false);
    cr_assert_eq(stats.openFds, 0);
    openPair(a);
    commRelease(a[0]);
    cr_assert_eq(commOpen(a[0], "o"), 0);
    text[0] = '\0';
    commForEachFd(appendNote, text);
    cr_assert_str_eq(text, "[o]");
    commClose(a[0]);
    close(a[1]);
}

Test(commSelect, high_numbers_work)
{
    struct rlimit limit;
    int fds[2], high, calls = 0;

    supportSocketPair(fds);
    getrlimit(RLIMIT_NOFILE, &limit);
    high = fcntl(fds[0], F_DUPFD_CLOEXEC, (int)limit.rlim_cur - 1);
    cr_assert_geq(high, 1000);
    commSetSelect(high, COMM_SELECT_WRITE, countCall, &calls, 0);
    cr_assert_eq(commLoopRun(), 0);
    cr_assert_eq(calls, 1);
    commClose(high);
    close(fds[0]);
    close(fds[1]);
}

Test(commSelect, closing_twice_is_a_mistake_of_ours, .signal = SIGABRT)
{
    int fds[2];

    openPair(fds);
    commClose(fds[0]);
    commClose(fds[0]);
}

/* Many descriptors, opened, armed, cancelled, closed in random order: every
 * handler that runs was asked for, and none twice. */
enum { CHURN = 64 };

static struct {
    int ours, theirs;
    bool isArmed;
} churn[CHURN];

static void churnOne(long i);

static void
onChurn(int fd, void *data)
{
    long i = (long)data;
    char c;

    cr_assert_eq(churn[i].ours, fd);
    cr_assert(churn[i].isArmed);
    churn[i].isArmed = false;
    cr_assert_eq(read(fd, &c, 1), 1);
    churnOne(rand() % CHURN);
    churnOne(rand() % CHURN);
}

static void
churnOne(long i)
{
    int fds[2];

    switch (rand() % 6) {
    case 0:
        commClose(churn[i].ours);
        close(churn[i].theirs);
        openPair(fds);
        churn[i].ours = fds[0];
        churn[i].theirs = fds[1];
        churn[i].isArmed = false;
        break;
    case 1:
        commSetSelect(churn[i].ours, COMM_SELECT_READ, NULL, NULL, 0);
        churn[i].isArmed = false;
        break;
    case 2:
    case 3:
        commSetSelect(churn[i].ours, COMM_SELECT_READ, onChurn, (void *)i,
                      rand() % 2 * 10);
        churn[i].isArmed = true;
        break;
    case 4:
        cr_assert_eq(write(churn[i].theirs, "x", 1), 1);
        break;
    default:
        if (!commIsRunning())
            turn();
    }
}

Test(commSelect, random_use_keeps_every_promise)
{
    int fds[2];

    srand(11);
    for (long i = 0; i < CHURN; i++) {
        openPair(fds);
        churn[i].ours = fds[0];
        churn[i].theirs = fds[1];
    }
    for (int n = 0; n < 20000; n++)
        churnOne(rand() % CHURN);
    for (long i = 0; i < CHURN; i++) {
        commClose(churn[i].ours);
        close(churn[i].theirs);
    }
    cr_assert_eq(commLoopRun(), 0);
}
