/* test_log_backlog.c: windows, what frees commands, what is sent again. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log_backlog.h"
#include "support.h"

TestSuite(log_backlog, .init = supportInit, .fini = supportFini, .timeout = 20);

static LogBacklog backlog;

static void
addLine(const char *text)
{
    logBacklogAddLine(&backlog, text, strlen(text));
}

/* Send all that may be sent now; returns borrowed until the next call. */
static const char *
sendAll(void)
{
    static char sent[2 * LOG_BACKLOG_AHEAD];
    const char *data;
    size_t used = 0, len;

    while ((len = logBacklogNext(&backlog, &data)) > 0) {
        size_t part = len > 1 ? len / 2 : len; /* never all at once */
        memcpy(sent + used, data, part);
        logBacklogSent(&backlog, part);
        used += part;
    }
    sent[used] = '\0';
    return sent;
}

Test(log_backlog, what_was_read_is_kept_until_the_next_is_read)
{
    logBacklogInit(&backlog, 1000);
    addLine("a\n");
    cr_expect_str_eq(sendAll(), "La\n");
    addLine("b\n");
    cr_expect_str_eq(sendAll(), "", "nothing before the first is read");
    logBacklogRead(&backlog);
    cr_expect_str_eq(sendAll(), "Lb\n");
    cr_expect_eq(logBacklogRewind(&backlog), 0);
    cr_expect_str_eq(sendAll(), "La\nLb\n", "both may have been lost");
    logBacklogRead(&backlog);
    cr_expect_eq(backlog.lines, 2);
    cr_expect_str_eq(sendAll(), "F\n", "to learn that they are done");
    logBacklogRead(&backlog);
    cr_expect(logBacklogIsEmpty(&backlog));
    cr_expect_eq(backlog.lines, 0);
    logBacklogRead(&backlog);
    cr_expect_str_eq(sendAll(), "");
    logBacklogFini(&backlog);
}

Test(log_backlog, windows_end_with_a_command)
{
    char line[1001];

    memset(line, 'x', sizeof(line));
    line[999] = '\n';
    line[1000] = '\0';
    logBacklogInit(&backlog, 1000000);
    for (int i = 0; i < 100; i++)
        addLine(line);
    size_t len = strlen(sendAll());
    cr_expect_leq(len, LOG_BACKLOG_WINDOW);
    cr_expect_eq(len % 1001, 0);
    logBacklogRead(&backlog);
    sendAll();
    logBacklogRead(&backlog);
    cr_expect_eq(backlog.lines, 100 - len / 1001);
    logBacklogFini(&backlog);
}

Test(log_backlog, a_command_longer_than_a_window_is_sent)
{
    size_t len = 2 * LOG_BACKLOG_WINDOW;
    char *line = calloc(1, len + 1);

    memset(line, 'x', len);
    line[len - 1] = '\n';
    logBacklogInit(&backlog, 1000000);
    addLine("a\n");
    addLine(line);
    cr_expect_eq(strlen(sendAll()), 3);
    logBacklogRead(&backlog);
    cr_expect_eq(strlen(sendAll()), len + 1);
    free(line);
    logBacklogFini(&backlog);
}

Test(log_backlog, acknowledged_commands_are_free)
{
    logBacklogInit(&backlog, 1000);
    logBacklogDone(&backlog, 0);
    addLine("a\n");
    addLine("b\n");
    cr_expect_str_eq(sendAll(), "La\nLb\n");
    addLine("c\n");
    cr_expect_str_eq(sendAll(), "Lc\n", "without waiting");
    logBacklogRead(&backlog);
    cr_expect_eq(backlog.lines, 3, "to have read is nothing");
    logBacklogDone(&backlog, 2);
    cr_expect_eq(backlog.lines, 1);
    logBacklogAddFlush(&backlog);
    logBacklogRewind(&backlog);
    cr_expect_str_eq(sendAll(), "Lc\nF\n");
    logBacklogDone(&backlog, 1000);
    cr_expect(logBacklogIsEmpty(&backlog));
    addLine("d\n");
    logBacklogDone(&backlog, UINT64_MAX);
    cr_expect_eq(backlog.lines, 1, "it was not even sent");
    logBacklogFini(&backlog);
}

/* The first acknowledgement counts what was freed by reading, too. */
Test(log_backlog, acknowledgement_may_begin_late)
{
    logBacklogInit(&backlog, 1000);
    addLine("a\n");
    sendAll();
    logBacklogRead(&backlog);
    addLine("b\n");
    sendAll();
    logBacklogRead(&backlog);
    addLine("c\n");
    sendAll();
    cr_expect_eq(backlog.lines, 2);
    logBacklogDone(&backlog, 2); /* La, and F after it */
    cr_expect_eq(backlog.lines, 2);
    logBacklogDone(&backlog, 3);
    cr_expect_eq(backlog.lines, 1);
    logBacklogFini(&backlog);
}

Test(log_backlog, rotations_that_were_sent_are_not_repeated)
{
    logBacklogInit(&backlog, 1000);
    logBacklogAddRotate(&backlog);
    addLine("Ra\n");
    logBacklogAddRotate(&backlog);
    addLine("b\n");
    sendAll();
    logBacklogAddRotate(&backlog);
    cr_expect_eq(logBacklogRewind(&backlog), 2);
    cr_expect_str_eq(sendAll(), "LRa\nLb\nR\n");
    cr_expect_eq(backlog.lines, 2);
    logBacklogFini(&backlog);
}

Test(log_backlog, lines_without_room_are_counted)
{
    logBacklogInit(&backlog, 10);
    addLine("abc\n");
    addLine("def\n");
    addLine("ghi\n");
    cr_expect_eq(backlog.lost, 1);
    cr_expect_eq(backlog.lines, 2);
    logBacklogAddFlush(&backlog);
    logBacklogAddRotate(&backlog);
    cr_expect_str_eq(sendAll(), "Labc\nLdef\nF\nR\n", "commands find room");
    logBacklogDrop(&backlog);
    cr_expect_eq(backlog.lost, 3);
    cr_expect_eq(backlog.lines, 0);
    logBacklogFini(&backlog);
}

Test(log_backlog, a_flush_follows_lines_only)
{
    logBacklogInit(&backlog, 100);
    logBacklogAddFlush(&backlog);
    cr_expect(logBacklogIsEmpty(&backlog));
    addLine("a\n");
    logBacklogAddFlush(&backlog);
    logBacklogAddFlush(&backlog);
    cr_expect_str_eq(sendAll(), "La\nF\n");
    logBacklogFini(&backlog);
}
