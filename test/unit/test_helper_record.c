/* test_helper_record.c: record files are read, refused with the reason,
 * compared and written. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "helper_record.h"

#define HEAD "# squire record 1\n"

static HelperRecord *record;
static char why[300];
static Buf out;

static void
init(void)
{
    bufInit(&out, 100000);
}

static void
fini(void)
{
    helperRecordDestroy(&record);
    helperRecordDestroy(&record);
    bufFini(&out);
}

TestSuite(helperRecord, .init = init, .fini = fini, .timeout = 60);

static void
parse(const char *text)
{
    helperRecordDestroy(&record);
    record = helperRecordParse("file", text, strlen(text), why, sizeof(why));
}

static const HelperRecordExchange *
parseOne(const char *text)
{
    parse(text);
    cr_assert_not_null(record, "%s", why);
    cr_assert_eq(record->count, 1);
    return &record->exchanges[0];
}

Test(helperRecord, requests_and_answers)
{
    parse(HEAD "\n# a comment\n> one\n< OK\n>\n<\n> two words \n"
               "< first\n< second");
    cr_assert_not_null(record, "%s", why);
    cr_assert_null(record->argv);
    cr_assert_eq(record->concurrency, 0);
    cr_assert_eq(record->count, 3);
    const HelperRecordExchange *at = record->exchanges;
    cr_assert_str_eq(at[0].request, "one");
    cr_assert_eq(at[0].answerCount, 1);
    cr_assert_eq(at[0].answers[0].expect, HELPER_EXPECT_LINE);
    cr_assert_str_eq(at[0].answers[0].text, "OK");
    cr_assert_eq(at[0].line, 4);
    cr_assert_eq(at[0].answers[0].line, 5);
    cr_assert_str_eq(at[1].request, "");
    cr_assert_str_eq(at[1].answers[0].text, "");
    cr_assert_str_eq(at[2].request, "two words ");
    cr_assert_eq(at[2].answerCount, 2);
    cr_assert_str_eq(at[2].answers[1].text, "second");
}

Test(helperRecord, program_and_concurrency)
{
    parse(HEAD "program /bin/a \"\" b\\x20c \\x22\\x22 d\\\\\n"
               "concurrency 16\r\n");
    cr_assert_not_null(record, "%s", why);
    cr_assert_str_eq(record->argv[0], "/bin/a");
    cr_assert_str_eq(record->argv[1], "");
    cr_assert_str_eq(record->argv[2], "b c");
    cr_assert_str_eq(record->argv[3], "\"\"");
    cr_assert_str_eq(record->argv[4], "d\\");
    cr_assert_null(record->argv[5]);
    cr_assert_eq(record->concurrency, 16);
}

Test(helperRecord, escapes_and_events)
{
    const HelperRecordExchange *at = parseOne(
        HEAD ">! eof\n< \\\\ \\t \\r \\x01\\xfF\n<! silence\n<! exit 3\n"
             "<! signal 9\n");

    cr_assert_null(at->request);
    cr_assert_eq(at->answerCount, 4);
    cr_assert_str_eq(at->answers[0].text, "\\ \t \r \x01\xff");
    cr_assert_eq(at->answers[1].expect, HELPER_EXPECT_SILENCE);
    cr_assert_eq(at->answers[2].expect, HELPER_EXPECT_EXIT);
    cr_assert_eq(at->answers[2].number, 3);
    cr_assert_eq(at->answers[3].expect, HELPER_EXPECT_SIGNAL);
    cr_assert_eq(at->answers[3].number, 9);
}

Test(helperRecord, times_and_processes)
{
    const HelperRecordExchange *at =
        parseOne(HEAD "@ time=2026-11-26T23:10:00.000123Z process=2 "
                      "pid=123 queue_us=5 service_us=77 later=thing\n> a\n");

    cr_assert_eq(at->wallUs, 1795734600000123);
    cr_assert_eq(at->number, 2);
    cr_assert_eq(at->pid, 123);
    cr_assert_eq(at->queueUs, 5);
    cr_assert_eq(at->serviceUs, 77);
    at = parseOne(HEAD "> a\n");
    cr_assert_eq(at->wallUs, 0);
    cr_assert_eq(at->queueUs, -1);
    cr_assert_eq(at->serviceUs, -1);
}

static void
expectWrong(const char *text, const char *where)
{
    parse(text);
    cr_assert_null(record, "%s", text);
    cr_assert_eq(errno, EBADMSG);
    cr_assert_eq(strncmp(why, where, strlen(where)), 0, "%s: %s", text, why);
    cr_assert_gt(strlen(why), strlen(where) + 10);
}

Test(helperRecord, what_is_wrong_is_said_with_its_line)
{
    expectWrong("", "file:1: ");
    expectWrong("> a\n", "file:1: ");
    expectWrong(HEAD "< a\n", "file:2: ");
    expectWrong(HEAD "> a\n\nwhat\n", "file:4: ");
    expectWrong(HEAD "> a\\q\n", "file:2: ");
    expectWrong(HEAD "> a\\x4\n", "file:2: ");
    expectWrong(HEAD "> a\\", "file:2: ");
    expectWrong(HEAD "> a\\*\n", "file:2: ");
    expectWrong(HEAD "> a\\n\n", "file:2: ");
    expectWrong(HEAD "> a\\x00\n", "file:2: ");
    expectWrong(HEAD "> a\n<! sleep\n", "file:3: ");
    expectWrong(HEAD "> a\n<! exit 256\n", "file:3: ");
    expectWrong(HEAD "> a\n<! exit\n", "file:3: ");
    expectWrong(HEAD ">! end\n", "file:2: ");
    expectWrong(HEAD "@ time=now\n", "file:2: ");
    expectWrong(HEAD "@ pid=x\n", "file:2: ");
    expectWrong(HEAD "@ pid\n", "file:2: ");
    expectWrong(HEAD "program\n", "file:2: ");
    expectWrong(HEAD "program a\nprogram b\n", "file:3: ");
    expectWrong(HEAD "> a\nprogram b\n", "file:3: ");
    expectWrong(HEAD "concurrency -1\n", "file:2: ");
    expectWrong(HEAD "end-mark \\x00\n", "file:2: an end mark is one ");
    expectWrong(HEAD "end-mark \\t\n", "file:2: an end mark is one ");
    expectWrong(HEAD "end-mark a\n", "file:2: an end mark is one ");
    expectWrong(HEAD "end-mark \\x01\\x01\n", "file:2: an end mark is one ");
    expectWrong(HEAD "end-mark\n", "file:2: an end mark is one ");
    expectWrong(HEAD "> a\nend-mark \\x01\n", "file:3: an end mark is one ");
    expectWrong(HEAD "end-mark \\x01\n> a\\x01\n", "file:3: ");
    expectWrong(HEAD "end-mark \\x01\n> a\n< b\x01\n", "file:4: ");
    expectWrong(HEAD "end-mark \\x01\nprogram a\\nb\n", "file:3: ");
    record = helperRecordParse("file", HEAD "> a\0b", sizeof(HEAD) + 4, why,
                               sizeof(why));
    cr_assert_null(record);
    cr_assert_eq(strcmp(why, "file:2: there is a NUL"), 0);
}

static bool
matches(const char *pattern, const char *line)
{
    char text[200];

    snprintf(text, sizeof(text), HEAD "> a\n%s\n", pattern);
    const HelperRecordExchange *at = parseOne(text);
    return helperRecordMatches(&at->answers[0], line, strlen(line));
}

Test(helperRecord, lines_match_exactly_and_globs_by_their_stars)
{
    cr_assert(matches("< OK *", "OK *"));
    cr_assert_not(matches("< OK *", "OK a"));
    cr_assert_not(matches("< OK", "OK "));
    cr_assert(matches("<~ OK *", "OK a b"));
    cr_assert(matches("<~ *", ""));
    cr_assert(matches("<~", ""));
    cr_assert_not(matches("<~", "a"));
    cr_assert(matches("<~ a*b*c", "axxbyybzzc"));
    cr_assert_not(matches("<~ a*b*c", "axxbyybzz"));
    cr_assert(matches("<~ a?c", "abc"));
    cr_assert_not(matches("<~ a?c", "ac"));
    cr_assert(matches("<~ a\\*b", "a*b"));
    cr_assert_not(matches("<~ a\\*b", "axb"));
    cr_assert(matches("<~ a\\x2ab\\\\*", "a*b\\anything"));
    cr_assert_not(matches("<~ a\\x2ab", "axb"));
    cr_assert(matches("<~ \\x3f?", "?a"));
    cr_assert_not(matches("<! exit 0", ""));
}

/* A pattern of many stars must not take for ever. */
Test(helperRecord, a_bad_pattern_takes_no_longer_than_length_by_length)
{
    char line[3001], text[3200];
    size_t used = (size_t)snprintf(text, sizeof(text), HEAD "> a\n<~ ");

    memset(line, 'a', 3000);
    line[3000] = '\0';
    for (int i = 0; i < 1000; i++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, "*a");
    snprintf(text + used, sizeof(text) - used, "b\n");
    const HelperRecordExchange *at = parseOne(text);
    cr_assert_not(helperRecordMatches(&at->answers[0], line, 3000));
}

static void
expectSame(const char *text)
{
    parse(text);
    cr_assert_not_null(record, "%s", why);
    cr_assert_eq(helperRecordFormatHead(record, &out), 0);
    for (size_t i = 0; i < record->count; i++)
        cr_assert_eq(helperRecordFormatExchange(&record->exchanges[i], &out),
                     0);
    cr_assert_eq(bufLen(&out), strlen(text));
    cr_assert_eq(memcmp(bufData(&out), text, strlen(text)), 0, "%.*s",
                 (int)bufLen(&out), bufData(&out));
    bufClear(&out);
}

Test(helperRecord, what_is_written_is_what_was_read)
{
    expectSame(HEAD);
    expectSame(HEAD "program /bin/a \"\" b\\x20c \\x22\\x22\nconcurrency 3\n"
                    "> a\n< OK\n> b\\x20\n<\n>\n< ERR \\xe4\\t\\r\n");
    expectSame(HEAD "@ time=2026-11-26T23:10:00.000123Z process=2 pid=9 "
                    "queue_us=5 service_us=0\n> a\n<~ O? \\* * \\\\ x\\x20\n"
                    "<! silence\n<! exit 1\n<! signal 15\n"
                    ">! eof\n<! exit 0\n");
    expectSame(HEAD "end-mark \\x01\n> 5 a\\nb\n< OK 2 \\n\\n\n<~ *\\n?\n");
}

Test(helperRecord, lines_end_at_lf_unless_it_is_said)
{
    const HelperRecordExchange *at =
        parseOne(HEAD "end-mark \\x01\n> a\\nb\n<~ OK *\\n\n");

    cr_assert_eq(record->endMark, 1);
    cr_assert_str_eq(at->request, "a\nb");
    cr_assert(helperRecordMatches(&at->answers[0], "OK 1\n2\n", 7));
    cr_assert_not(helperRecordMatches(&at->answers[0], "OK 1\n2", 6));
    (void)parseOne(HEAD "> a\n");
    cr_assert_eq(record->endMark, '\n');
}

Test(helperRecord, what_has_no_room_is_not_written_at_all)
{
    const HelperRecordExchange exchange = {
        .request = "aaaaaaaaaa",
        .requestLen = 10,
        .queueUs = -1,
        .serviceUs = -1,
    };
    const char *const argv[] = {"a", NULL}, *const lf[] = {"a\n", NULL};
    HelperRecord head = {.argv = lf, .endMark = '\n'};
    Buf small;

    cr_assert_eq(helperRecordFormatHead(&head, &out), -EINVAL);
    cr_assert_eq(bufLen(&out), 0);
    bufInit(&small, 20);
    cr_assert_eq(helperRecordFormatExchange(&exchange, &small), 0);
    cr_assert_eq(helperRecordFormatExchange(&exchange, &small), -ENOBUFS);
    cr_assert_eq(bufLen(&small), 13);
    head.argv = argv;
    cr_assert_eq(helperRecordFormatHead(&head, &small), -ENOBUFS);
    cr_assert_eq(bufLen(&small), 13);
    bufFini(&small);
}

Test(helperRecord, files_are_read)
{
    char path[] = "/tmp/test_helper_record.XXXXXX";
    int fd = mkstemp(path);

    cr_assert_geq(fd, 0);
    cr_assert_eq(write(fd, HEAD "> a\n", sizeof(HEAD) + 3),
                 (ssize_t)sizeof(HEAD) + 3);
    record = helperRecordRead(path, why, sizeof(why));
    cr_assert_not_null(record, "%s", why);
    cr_assert_eq(record->count, 1);
    helperRecordDestroy(&record);
    cr_assert_eq(ftruncate(fd, (off_t)HELPER_RECORD_FILE_MAX + 2), 0);
    cr_assert_null(helperRecordRead(path, why, sizeof(why)));
    cr_assert_eq(errno, EFBIG);
    close(fd);
    unlink(path);
    cr_assert_null(helperRecordRead(path, why, sizeof(why)));
    cr_assert_eq(errno, ENOENT);
    cr_assert_not_null(strstr(why, path));
    cr_assert_null(helperRecordRead("/", why, sizeof(why)));
    cr_assert_eq(errno, EISDIR);
}
