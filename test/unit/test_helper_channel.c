/* test_helper_channel.c: what helpers do wrong, and how the pool gets over
 * it. */
#include "build_config.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "debug.h"
#include "ipc_priv.h"
#include "pool.h"
#include "support.h"

static char *logText;

static void
init(void)
{
    poolInit();
    cr_assert_eq(debugOpen(supportTempPath("debug.log")), 0);
    debugOptions("ALL,1");
}

static void
fini(void)
{
    debugClose();
    free(logText);
    poolFini();
}

TestSuite(helperChannel, .init = init, .fini = fini, .timeout = 120);

static bool
isLogged(const char *text)
{
    free(logText);
    logText = supportReadFile(supportTempPath("debug.log"));
    return strstr(logText, text) != NULL;
}

/* All of this pool's processes misbehave in the same way: a request ends
 * after three attempts, and the log tells why. */
static void
expectThreeAttempts(const char *args, const char *cause)
{
    poolConfig.max = 2;
    poolConfig.graceMs = 50;
    poolCreate(args);
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->result, HELPER_UNKNOWN);
    cr_assert_str_eq(poolAnswer(0)->text, "");
    cr_assert_not_null(strstr(poolAnswer(0)->message, cause), "%s",
                       poolAnswer(0)->message);
    cr_assert(isLogged(cause), "%s", logText);
    cr_assert_geq(poolStats().restarts, 3);
    cr_assert_geq(poolStats().retries, 2);
}

Test(helperChannel, crash_on_every_request)
{
    expectThreeAttempts("crash-after=0", "exited with status 3");
}

Test(helperChannel, abort_on_every_request)
{
    expectThreeAttempts("abort-after=0", "killed by SIGABRT");
}

Test(helperChannel, exit_at_start)
{
    expectThreeAttempts("exit-at-start", "exited with status 1");
}

Test(helperChannel, half_an_answer_then_the_end)
{
    expectThreeAttempts("half-line", "exited with status 0");
}

Test(helperChannel, nul_in_an_answer)
{
    expectThreeAttempts("nul", "there is a NUL");
}

Test(helperChannel, the_line_too_many_is_shown)
{
    poolConfig.attempts = 1;
    const char *argv[] = {"/bin/sh", "-c",
                          "read l; printf 'OK a\\nwhat else\\nmore'; sleep 9",
                          NULL};
    poolConfig.argv = argv;
    pool = helperPoolCreate(&poolConfig);
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert(isLogged("a line too many: \"what else\""), "%s", logText);
}

Test(helperChannel, two_lines_for_one_request)
{
    expectThreeAttempts("two-for-one", "a line too many");
}

Test(helperChannel, an_answer_that_is_too_long)
{
    expectThreeAttempts("bigline=2000000", "longer than the limit");
}

Test(helperChannel, an_answer_just_too_long)
{
    poolConfig.replyMax = 1000;
    expectThreeAttempts("bigline=1000", "longer than the limit");
}

Test(helperChannel, an_answer_just_short_enough)
{
    poolConfig.replyMax = 1000;
    poolCreate("bigline=999");
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolStats().restarts, 0);
}

Test(helperChannel, end_of_output_without_an_end)
{
    expectThreeAttempts("close-stdout", "closed its output");
}

Test(helperChannel, an_answer_without_channel_id)
{
    poolConfig.concurrency = 5;
    expectThreeAttempts("ids no-id", "is concurrency= set");
}

Test(helperChannel, the_wrong_line_is_shown)
{
    poolConfig.concurrency = 5;
    expectThreeAttempts("ids no-id", "support it?: \"OK ");
}

Test(helperChannel, an_answer_to_an_unknown_channel_id)
{
    poolConfig.concurrency = 5;
    expectThreeAttempts("ids unknown-id", "a channel-ID that is not asked");
}

Test(helperChannel, with_ids_two_lines_for_one_request)
{
    poolConfig.concurrency = 5;
    poolConfig.max = 1;
    poolCreate("ids two-for-one");
    poolSubmitLines(3);
    poolExpectLines(3);
    poolWaitForRestarts(1);
    cr_assert(isLogged("not asked: twice"), "%s", logText);
}

Test(helperChannel, a_second_line_a_little_later)
{
    poolConfig.max = 1;
    poolCreate("two-later");
    poolSubmitLines(1);
    poolExpectLines(1);
    poolWaitForRestarts(1);
    cr_assert(isLogged("spoke without being asked"), "%s", logText);
}

Test(helperChannel, a_banner_is_no_answer)
{
    poolConfig.startup = 1;
    poolCreate("banner");
    poolWaitForRestarts(1);
    cr_assert(isLogged("spoke without being asked: \""), "%s", logText);
}

Test(helperChannel, a_banner_is_not_taken_for_a_missing_channel_id)
{
    poolConfig.startup = 1;
    poolConfig.concurrency = 5;
    poolCreate("ids banner");
    poolWaitForRestarts(1);
    cr_assert(isLogged("spoke without being asked: \""), "%s", logText);
}

Test(helperChannel, silence_from_the_start_has_a_likely_cause)
{
    poolConfig.max = 1;
    poolConfig.timeoutMs = 50;
    poolCreate("silent");
    poolSubmitLines(1);
    poolWaitForRestarts(1);
    cr_assert(isLogged("never answered: does it flush"), "%s", logText);
}

Test(helperChannel, garbage_is_handed_on_as_unknown)
{
    poolCreate("garbage");
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->result, HELPER_UNKNOWN);
    cr_assert_neq(poolAnswer(0)->text[0], '\0');
    cr_assert_eq(poolStats().restarts, 0);
}

Test(helperChannel, no_line_end_is_silence)
{
    poolConfig.timeoutMs = 100;
    poolCreate("no-newline");
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->result, HELPER_TIMEOUT);
}

Test(helperChannel, control_octets_in_a_value_are_not_handed_on)
{
    poolCreate("control");
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->result, HELPER_BH);
    cr_assert_str_eq(poolAnswer(0)->text, "");
    cr_assert_neq(poolAnswer(0)->message[0], '\0');
    cr_assert_eq(poolStats().restarts, 0);
    cr_assert_eq(poolStats().retries, 2);
}

Test(helperChannel, bh_is_asked_three_times_in_all)
{
    poolCreate("bh");
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->result, HELPER_BH);
    cr_assert_str_eq(poolAnswer(0)->message, "x");
    cr_assert_eq(poolStats().replies, 3);
    cr_assert_eq(poolStats().byResult[HELPER_BH], 1);
}

Test(helperChannel, bh_is_asked_of_other_processes)
{
    HelperProcessStats rows[4];
    unsigned asked = 0;

    poolConfig.startup = 4;
    poolCreate("bh-once");
    poolWaitForActive(4);
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->result, HELPER_BH);
    cr_assert_eq(helperPoolProcesses(pool, rows, 4), 4);
    for (int i = 0; i < 4; i++)
        asked += rows[i].requests == 1;
    cr_assert_eq(asked, 3);
}

Test(helperChannel, bh_is_asked_of_the_only_process_again)
{
    poolConfig.max = 1;
    poolCreate("bh-once");
    poolSubmitLines(1);
    poolExpectLines(1);
    cr_assert_eq(poolStats().replies, 2);
}

Test(helperChannel, a_crash_now_and_then_harms_no_request)
{
    poolConfig.concurrency = 4;
    poolConfig.attempts = 20;
    poolCreate("ids crash-after=7");
    poolSubmitLines(200);
    poolExpectLines(200);
    cr_assert_geq(poolStats().restarts, 20);
}

/* What goes back after a death keeps its place before later requests. */
Test(helperChannel, requests_of_a_dead_process_go_first_in_order)
{
    poolConfig.max = 1;
    poolCreate("crash-after=3");
    poolSubmitLines(9);
    poolExpectLines(9);
    for (int i = 0; i < 9; i++)
        cr_assert_eq(poolAnswers[i].tag, i);
}

Test(helperChannel, one_shot_helpers_work)
{
    poolConfig.max = 3;
    poolConfig.timeoutMs = 60000; /* sixty starts, perhaps slow ones */
    poolCreate("one-shot");
    poolSubmitLines(60);
    poolExpectLines(60);
}

Test(helperChannel, death_by_kill_is_not_the_fault_of_requests)
{
    poolConfig.max = 1;
    poolConfig.attempts = 1;
    poolCreate("kill-after=3");
    poolSubmitLines(20);
    poolExpectLines(20);
    cr_assert(isLogged("killed by SIGKILL"), "%s", logText);
}

Test(helperChannel, kill_for_ever_ends_too)
{
    poolConfig.max = 1;
    poolConfig.restartMinMs = 1;
    poolCreate("kill-after=0");
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->result, HELPER_UNKNOWN);
    cr_assert_eq(poolStats().restarts, 30);
}

/* F8: one for one. A pool that has lost some is not started anew, so there
 * are never more than were asked for. */
Test(helperChannel, idle_processes_that_are_killed_are_replaced)
{
    HelperProcessStats rows[3];

    poolConfig.startup = 3;
    poolCreate("");
    for (int round = 0; round < 10; round++) {
        poolWaitForActive(3);
        cr_assert_eq(helperPoolProcesses(pool, rows, 3), 3);
        kill(rows[round % 3].pid, SIGKILL);
        poolWaitForRestarts((unsigned)round + 1);
    }
    poolWaitForActive(3);
    poolSubmitLines(10);
    poolExpectLines(10);
    cr_assert_eq(poolStats().restarts, 10);
}

/* A program of our own making that cannot be executed. */
static void
expectNoStart(const char *text, const char *cause)
{
    const char *path = supportTempPath("program");
    FILE *file = fopen(path, "we");

    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
    cr_assert_eq(chmod(path, 0755), 0);
    poolConfig.restartMinMs = 5;
    poolCreateProgram(path);
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert(isLogged(cause), "%s", logText);
}

Test(helperChannel, a_missing_interpreter_is_told)
{
    expectNoStart("#!/no/such/interpreter\n", "its interpreter is not)");
}

Test(helperChannel, a_script_without_its_first_line_is_told)
{
    expectNoStart("echo OK\n", "such as #!/bin/sh)");
}

#ifdef HAVE_LIBSECCOMP
Test(helperChannel, a_script_that_the_filter_keeps_from_its_interpreter_is_told)
{
    poolConfig.attr.filter = IPC_FILTER_DEFAULT;
    expectNoStart("#!/usr/bin/env python3\n", "name the interpreter before");
}
#endif

Test(helperChannel, an_unknown_user_is_told_and_not_the_program)
{
    poolConfig.restartMinMs = 5;
    poolConfig.attr.user = "no-such-user";
    poolCreate("");
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert(isLogged(": there is no user no-such-user"), "%s", logText);
    cr_assert(!isLogged("interpreter"), "%s", logText);
}

Test(helperChannel, a_missing_program_is_told_soon)
{
    poolConfig.restartMinMs = 5;
    poolCreateProgram("/no/such/program -x");
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert_eq(poolSubmit("x", 1), 0);
    cr_assert(poolRunUntil(2));
    cr_assert_eq(poolAnswer(0)->result, HELPER_UNKNOWN);
    cr_assert_not_null(strstr(poolAnswer(1)->message, "No such file"), "%s",
                       poolAnswer(1)->message);
    cr_assert(isLogged("cannot start /no/such/program -x"), "%s", logText);
    int before = poolAnswerCount;
    cr_assert_eq(poolSubmit("x", 2), 0);
    cr_assert_eq(poolAnswerCount, before);
    cr_assert(poolRunUntil(3), "at once from now on");
}

/* A start needs descriptors at several steps: with one more each time, it
 * fails at each of them, and in the end succeeds. */
Test(helperChannel, a_start_without_descriptors_leaves_nothing_open)
{
    HelperResult last = HELPER_RESULT_COUNT;
    struct rlimit limit;

    poolConfig.restartMinMs = 1;
    cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    int free = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(free);
    for (int more = 1; more < 20; more++) {
        poolCreate("");
        limit.rlim_cur = (rlim_t)(free + more);
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        poolAnswerCount = 0;
        cr_assert_eq(poolSubmit("x", 0), 0);
        cr_assert(poolRunUntil(1));
        last = poolAnswer(0)->result;
        cr_assert(last == HELPER_OK || last == HELPER_UNKNOWN);
        helperPoolDestroy(&pool);
        limit.rlim_cur = limit.rlim_max;
        cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
        (void)supportRunLoop(1);
    }
    cr_assert_eq(last, HELPER_OK);
}

Test(helperChannel, a_program_that_appears_later_is_used)
{
    const char *path = supportTempPath("late");
    char *program = strdup(path);

    poolConfig.restartMaxMs = 20;
    poolCreateProgram(program);
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    FILE *file = fopen(program, "w");
    fprintf(file, "#!/bin/sh\nwhile read a; do echo OK; done\n");
    fchmod(fileno(file), 0700);
    fclose(file);
    HelperResult last = HELPER_UNKNOWN;
    for (int i = 1; i < 2000 && last != HELPER_OK; i++) {
        (void)supportRunLoop(5);
        cr_assert_eq(poolSubmit("x", i), 0);
        cr_assert(poolRunUntil(i + 1));
        last = poolAnswer(i)->result;
    }
    cr_assert_eq(last, HELPER_OK);
    free(program);
}

Test(helperChannel, a_helper_that_does_not_read_stops_at_its_deadline)
{
    char line[8001];

    memset(line, 'a', 8000);
    line[8000] = '\0';
    poolConfig.max = 1;
    poolConfig.concurrency = 1000;
    poolConfig.timeoutMs = 300;
    poolConfig.graceMs = 20;
    poolCreate("deaf");
    for (int i = 0; i < 200; i++)
        cr_assert_eq(poolSubmit(line, i), 0);
    cr_assert(poolRunUntil(200));
    for (int i = 0; i < 200; i++)
        cr_assert_eq(poolAnswer(i)->result, HELPER_TIMEOUT);
    poolWaitForRestarts(1);
    cr_assert_eq(poolStats().inflight, 0);
}

Test(helperChannel, stderr_lines_are_tagged)
{
    poolConfig.max = 1;
    poolCreate("noise=2");
    poolSubmitLines(1);
    poolExpectLines(1);
    for (int i = 0; i < 200 && !isLogged("noise 2"); i++)
        (void)supportRunLoop(10);
    cr_assert(isLogged("84,1| test #1 (pid "), "%s", logText);
    cr_assert(isLogged("): noise 1\n"), "%s", logText);
}

Test(helperChannel, stderr_is_bounded)
{
    poolConfig.max = 1;
    poolCreate("noise=100");
    poolSubmitLines(1);
    poolExpectLines(1);
    (void)supportRunLoop(50);
    helperPoolDestroy(&pool);
    cr_assert(isLogged("noise 20\n"), "%s", logText);
    cr_assert_not(isLogged("noise 21\n"), "%s", logText);
    cr_assert(isLogged("80 lines suppressed"), "%s", logText);
}

Test(helperChannel, last_words_are_in_the_report)
{
    poolConfig.max = 1;
    poolConfig.attempts = 1;
    poolCreate("crash-after=0 last-words");
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert(isLogged("exited with status 3; after 0 answers, with 1 "
                       "requests; it last said: two | three | last words, "
                       "no line end"),
              "%s", logText);
}

Test(helperChannel, raw_stderr_goes_to_the_log_itself)
{
    poolConfig.stderrRaw = true;
    poolCreate("noise=1");
    poolSubmitLines(1);
    poolExpectLines(1);
    cr_assert(isLogged("\nnoise 1\n") || isLogged("noise 1\n"));
    cr_assert_not(isLogged("): noise 1"), "%s", logText);
}

/* Requests of three lines, answers that end at 0x01. */
static void
askFrames(const char *args, int count)
{
    char frame[64];

    poolConfig.endMark = '\x01';
    poolCreate(args);
    for (int i = 0; i < count; i++) {
        snprintf(frame, sizeof(frame), "%d\n\nend", i);
        cr_assert_eq(helperSubmitLen(pool, frame, strlen(frame), poolRecord,
                                     (void *)(intptr_t)i, NULL),
                     0);
    }
    cr_assert(poolRunUntil(count));
    for (int i = 0; i < count; i++) {
        snprintf(frame, sizeof(frame), "%d\n\nend", i);
        cr_assert_eq(poolAnswer(i)->result, HELPER_OK);
        cr_assert_str_eq(poolAnswer(i)->text, frame);
    }
}

Test(helperChannel, frames_are_several_lines)
{
    poolConfig.max = 2;
    askFrames("frames=3", 20);
    cr_assert_eq(poolStats().restarts, 0);
}

/* One process: two may get shares that are no whole bursts. */
Test(helperChannel, frames_have_channel_ids)
{
    poolConfig.max = 1;
    poolConfig.concurrency = 5;
    askFrames("ids frames=3 bursts=5 bytes", 20);
    cr_assert_eq(poolStats().restarts, 0);
}

Test(helperChannel, frames_are_asked_again_whole)
{
    poolConfig.max = 1;
    poolConfig.concurrency = 4;
    poolConfig.restartMinMs = 1;
    poolConfig.attempts = 20;
    askFrames("ids frames=3 crash-after=3", 20);
    cr_assert_geq(poolStats().restarts, 6);
}

Test(helperChannel, a_frame_does_not_hold_its_end)
{
    poolConfig.endMark = '\x01';
    poolCreate("frames=1");
    cr_assert_eq(poolSubmit("a\x01z", 0), -EINVAL);
    cr_assert_eq(helperSubmitLen(pool, "a\0z", 3, poolRecord, NULL, NULL),
                 -EINVAL);
    cr_assert_eq(poolSubmit("a", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_str_eq(poolAnswer(0)->text, "a");
}

Test(helperChannel, a_frame_too_many)
{
    poolConfig.endMark = '\x01';
    expectThreeAttempts("frames=1 two-for-one", "a line too many");
}

Test(helperChannel, a_frame_without_its_end)
{
    poolConfig.endMark = '\x01';
    poolConfig.timeoutMs = 300;
    poolCreate("");
    cr_assert_eq(poolSubmit("x", 0), 0);
    cr_assert(poolRunUntil(1));
    cr_assert_eq(poolAnswer(0)->result, HELPER_TIMEOUT);
}

Test(helperChannel, what_may_end_a_frame)
{
    static const char wrong[] = "\0\t\r 1a\x7f\xff";
    const char *const argv[] = {"/bin/cat", NULL};

    poolConfig.argv = argv;
    for (size_t i = 0; i < sizeof(wrong) - 1; i++) {
        poolConfig.endMark = wrong[i];
        cr_assert_null(helperPoolCreate(&poolConfig), "%zu", i);
        cr_assert_eq(errno, EINVAL);
    }
}

/* A line that kills whoever is asked it does not spoil the others. */
Test(helperChannel, lines_that_kill_cost_only_themselves)
{
    poolConfig.max = 2;
    poolConfig.startup = 1;
    poolCreate("die");
    for (int i = 0; i < 40; i++)
        cr_assert_eq(poolSubmit(i % 2 ? "good" : "die", i), 0);
    cr_assert(poolRunUntil(40));
    for (int i = 0; i < 40; i++)
        cr_assert_eq(poolAnswer(i)->result, i % 2 ? HELPER_OK : HELPER_UNKNOWN,
                     "%d: %s", i, poolAnswer(i)->message);
}

static int *killsLeft; /* in memory that children share, however they start */

/* What runs in the child makes system calls only. */
IPC_IN_CHILD static void
killBeforeExec(IpcTestStage stage, int fd)
{
    (void)fd;
    if (stage == IPC_TEST_CHILD && *killsLeft > 0) {
        --*killsLeft;
        syscall(SYS_exit_group, 0);
    }
}

/* Others may kill processes that have not begun yet: that is no fault of the
 * program, and the requests wait for one that lives. */
Test(helperChannel, processes_killed_before_they_begin_fail_nobody)
{
    killsLeft = mmap(NULL, sizeof(*killsLeft), PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    cr_assert_neq((void *)killsLeft, MAP_FAILED);
    *killsLeft = 6;
    ipcTestHook = killBeforeExec;
    poolConfig.max = 1;
    poolCreate("");
    poolSubmitLines(5);
    poolExpectLines(5);
    ipcTestHook = NULL;
    cr_assert_eq(*killsLeft, 0);
    munmap(killsLeft, sizeof(*killsLeft));
}
