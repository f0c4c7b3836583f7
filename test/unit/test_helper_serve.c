/* test_helper_serve.c: a helper program made with helper_serve.h, seen from
 * the other end of its channel. */
#include "helper_serve.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int channel = -1;
static pid_t child = -1;

/* What the request line says, is done. */
static void
onRequest(HelperServe *serve, char *line, size_t len, void *data)
{
    char *cursor = line;
    (void)data;
    if (strncmp(line, "whole", 5) == 0) {
        helperServeReply(serve, HELPER_OK, helperServeWholeLine(serve));
        return;
    }
    char *verb = helperServeField(&cursor);
    if (!verb) {
        helperServeReply(serve, HELPER_ERR, len ? "blanks" : NULL);
    } else if (strcmp(verb, "echo") == 0) {
        helperServeReply(serve, HELPER_OK, cursor);
    } else if (strcmp(verb, "legacy") == 0) {
        helperServeReply(serve, HELPER_UNKNOWN, cursor);
    } else if (strcmp(verb, "pairs") == 0) {
        char *value;
        while ((value = helperServeField(&cursor)))
            helperServeAdd(serve, "k", value);
        helperServeReply(serve, HELPER_OK, NULL);
    } else if (strcmp(verb, "lf") == 0) {
        helperServeReply(serve, HELPER_OK, "two\nlines");
    } else if (strcmp(verb, "twice") == 0) {
        helperServeReply(serve, HELPER_OK, NULL);
        helperServeReply(serve, HELPER_OK, NULL);
    }
}

static void
startHelper(void)
{
    int pair[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    child = fork();
    cr_assert_geq(child, 0);
    if (child == 0) {
        dup2(pair[1], STDIN_FILENO);
        dup2(pair[1], STDOUT_FILENO);
        close(pair[0]);
        close(pair[1]);
        _exit(helperServe(onRequest, NULL));
    }
    close(pair[1]);
    channel = pair[0];
}

static void
sendText(const char *text, size_t len)
{
    while (len > 0) {
        ssize_t done = send(channel, text, len, MSG_NOSIGNAL);
        cr_assert_gt(done, 0);
        text += done;
        len -= (size_t)done;
    }
}

static void
expectText(const char *expected)
{
    char got[4096] = "";
    size_t len = 0;

    while (len < strlen(expected)) {
        ssize_t more = recv(channel, got + len, sizeof(got) - 1 - len, 0);
        cr_assert_gt(more, 0, "got only: %s", got);
        len += (size_t)more;
    }
    cr_assert_str_eq(got, expected);
}

static void
ask(const char *request, const char *expected)
{
    sendText(request, strlen(request));
    expectText(expected);
}

static int
endHelper(void)
{
    int status = 0;

    close(channel);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

TestSuite(helperServe, .init = startHelper, .timeout = 20);

Test(helperServe, answers_with_and_without_ids)
{
    ask("echo a b\n", "OK a b\n");
    ask("17 echo a b\n", "17 OK a b\n");
    ask("0 \t echo  a\r\n", "0 OK  a\n");
    ask("17 legacy 301:http://h/\n", "17 301:http://h/\n");
    cr_assert_eq(endHelper(), 0);
}

Test(helperServe, empty_queries_reach_the_handler)
{
    ask("\n", "ERR\n");
    ask("  \n", "ERR blanks\n");
    ask("5 \n", "5 ERR\n");
    cr_assert_eq(endHelper(), 0);
}

/* The process that was started is not the one wanted. */
static void
startTold(const char *concurrency)
{
    (void)endHelper();
    setenv("SQUIRE_CONCURRENCY", concurrency, 1);
    startHelper();
}

Test(helperServe, a_pool_may_tell_that_lines_have_no_ids)
{
    startTold("0");
    ask("7 echo a\n", "BH message=\"no answer\"\n");
    ask("echo a\n", "OK a\n");
}

Test(helperServe, a_pool_may_tell_that_lines_have_ids)
{
    startTold("20");
    ask("7 whole 8 echo\n", "7 OK whole 8 echo\n");
    ask("7\n", "7 ERR\n");
    ask("echo a\n", "BH message=\"no channel-ID in the request\"\n");
}

Test(helperServe, a_whole_line_has_no_id)
{
    ask("7 whole a\n", "OK 7 whole a\n");
}

Test(helperServe, number_without_blank_is_no_id)
{
    ask("12\n", "BH message=\"no answer\"\n");
    ask("99999999999 echo\n", "BH message=\"no answer\"\n");
    cr_assert_eq(endHelper(), 0);
}

Test(helperServe, fields_are_decoded_and_pairs_quoted)
{
    ask("3 pairs a%20b %22q%25  c \n", "3 OK k=\"a b\" k=\"\\\"q%\" k=\"c\"\n");
    ask("4 pairs\n", "4 OK\n");
    cr_assert_eq(endHelper(), 0);
}

Test(helperServe, what_cannot_be_sent_is_bh)
{
    ask("1 pairs a%0ab\n",
        "1 BH message=\"a pair of the reply cannot be sent\"\n");
    ask("2 lf\n", "2 BH message=\"the reply cannot be sent\"\n");
    ask("3 pairs ok\n", "3 OK k=\"ok\"\n");
    sendText("4 echo \0x\n", 10);
    expectText("4 BH message=\"NUL in the request\"\n");
    cr_assert_eq(endHelper(), 0);
}

Test(helperServe, missing_answer_is_bh)
{
    ask("9 nothing\n", "9 BH message=\"no answer\"\n");
    cr_assert_eq(endHelper(), 0);
}

Test(helperServe, second_answer_aborts)
{
    sendText("twice\n", 6);
    int status = endHelper();
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

Test(helperServe, lines_in_pieces_and_lines_in_one_piece)
{
    sendText("1 ec", 4);
    sendText("ho a\n2 echo b\n3 e", 17);
    expectText("1 OK a\n2 OK b\n");
    sendText("cho c\n", 6);
    expectText("3 OK c\n");
    cr_assert_eq(endHelper(), 0);
}

/* Hazard 1 of the protocol: one line must never give two replies. */
Test(helperServe, line_too_long_is_answered_once)
{
    size_t len = 200000;
    char *text = malloc(len);

    memset(text, 'x', len);
    memcpy(text, "42 echo ", 8);
    text[len - 1] = '\n';
    sendText(text, len);
    expectText("42 BH message=\"request line too long\"\n");
    ask("43 echo on\n", "43 OK on\n");
    free(text);
    cr_assert_eq(endHelper(), 0);
}

Test(helperServe, longest_line_is_answered)
{
    char *text = malloc(HELPER_SERVE_LINE_MAX);

    memset(text, 'x', HELPER_SERVE_LINE_MAX);
    memcpy(text, "7 none ", 7);
    text[HELPER_SERVE_LINE_MAX - 1] = '\n';
    sendText(text, HELPER_SERVE_LINE_MAX);
    expectText("7 BH message=\"no answer\"\n");
    free(text);
    cr_assert_eq(endHelper(), 0);
}

Test(helperServe, batch_leaves_in_one_write)
{
    char got[4096];
    sendText("1 echo a\n2 echo b\n3 echo c\n", 27);
    ssize_t len = recv(channel, got, sizeof(got), 0);
    cr_assert_eq(len, 21, "%zd octets", len);
    cr_assert_eq(endHelper(), 0);
}

/* More replies than the socket takes while nobody reads. */
Test(helperServe, partial_writes_lose_nothing)
{
    enum { COUNT = 20000 };
    char line[64], got[65536];
    size_t lines = 0;

    if (fork() == 0) {
        for (int i = 0; i < COUNT; i++)
            sendText(line, (size_t)snprintf(line, 64, "%d echo %040d\n", i, i));
        _exit(0);
    }
    while (lines < COUNT) {
        ssize_t len = recv(channel, got, sizeof(got), 0);
        cr_assert_gt(len, 0);
        for (ssize_t i = 0; i < len; i++)
            lines += got[i] == '\n';
    }
    cr_assert_eq(endHelper(), 0);
}

Test(helperServe, half_line_at_eof_is_not_answered)
{
    char got[64];
    sendText("1 echo a\n2 echo", 15);
    shutdown(channel, SHUT_WR);
    expectText("1 OK a\n");
    cr_assert_eq(recv(channel, got, sizeof(got), 0), 0);
    cr_assert_eq(endHelper(), 0);
}

Test(helperServe, parent_gone_with_answers_due_is_a_quiet_end)
{
    for (int i = 0; i < 100; i++)
        sendText("1 echo a\n", 9);
    cr_assert_eq(endHelper(), 0);
}

/* A non-blocking channel is waited for, not spun on or given up. */
Test(helperServe, nonblocking_channel_works, .init = NULL)
{
    int in[2], out[2];
    char got[64] = "";

    cr_assert_eq(pipe2(in, O_NONBLOCK) | pipe2(out, O_NONBLOCK), 0);
    child = fork();
    if (child == 0) {
        dup2(in[0], STDIN_FILENO);
        dup2(out[1], STDOUT_FILENO);
        close(in[1]);
        _exit(helperServe(onRequest, NULL));
    }
    close(out[1]);
    fcntl(out[0], F_SETFL, 0);
    cr_assert_eq(write(in[1], "1 echo\n", 7), 7);
    cr_assert_eq(read(out[0], got, sizeof(got)), 5);
    channel = in[1];
    close(in[0]);
    cr_assert_eq(endHelper(), 0);
}
