/* test_buf.c: the bounded buffer. */
#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"

Test(buf, holds_what_was_appended)
{
    Buf buf;

    bufInit(&buf, 100);
    cr_assert_eq(bufLen(&buf), 0);
    cr_assert_eq(bufAppend(&buf, "hello ", 6), 0);
    cr_assert_eq(bufPrintf(&buf, "%s %d", "world", 7), 0);
    cr_assert_eq(bufLen(&buf), 13);
    cr_assert_eq(memcmp(bufData(&buf), "hello world 7", 13), 0);
    bufConsume(&buf, 6);
    cr_assert_eq(memcmp(bufData(&buf), "world 7", 7), 0);
    bufFini(&buf);
    cr_assert_eq(bufLen(&buf), 0);
}

Test(buf, refuses_to_exceed_its_maximum)
{
    Buf buf;

    bufInit(&buf, 10);
    cr_assert_eq(bufAppend(&buf, "0123456789", 10), 0);
    cr_assert_eq(bufAppend(&buf, "x", 1), -ENOBUFS);
    cr_assert_eq(bufPrintf(&buf, "x"), -ENOBUFS);
    cr_assert_null(bufReserve(&buf, 1));
    cr_assert_null(bufReserve(&buf, (size_t)-1));
    cr_assert_eq(bufLen(&buf), 10);
    bufConsume(&buf, 3);
    cr_assert_eq(bufPrintf(&buf, "%s", "abc"), 0);
    cr_assert_eq(memcmp(bufData(&buf), "3456789abc", 10), 0);
    cr_assert_eq(bufAppend(&buf, "x", 1), -ENOBUFS);
    bufFini(&buf);
}

/* vsnprintf adds a NUL that must find room and is not counted. */
Test(buf, printed_text_may_end_where_the_memory_ends)
{
    for (int len = 0; len < 600; len++) {
        Buf buf;
        bufInit(&buf, 1000);
        cr_assert_eq(bufAppend(&buf, "0123456789", 10), 0);
        cr_assert_eq(bufPrintf(&buf, "%0*d", len + 1, 7), 0);
        cr_assert_eq(bufLen(&buf), 11 + (size_t)len);
        cr_assert_eq(bufData(&buf)[10 + len], '7');
        bufFini(&buf);
    }
}

Test(buf, is_usable_again_after_fini_and_clear)
{
    Buf buf;

    bufInit(&buf, 4);
    cr_assert_eq(bufAppend(&buf, "abcd", 4), 0);
    bufClear(&buf);
    cr_assert_eq(bufAppend(&buf, "efgh", 4), 0);
    bufFini(&buf);
    cr_assert_eq(bufAppend(&buf, "ijkl", 4), 0);
    cr_assert_eq(memcmp(bufData(&buf), "ijkl", 4), 0);
    cr_assert_eq(bufAppend(&buf, "", 0), 0);
    bufFini(&buf);
}

Test(buf, reserve_gives_room_and_commit_counts_it)
{
    Buf buf;
    char *room;

    bufInit(&buf, 70000);
    room = bufReserve(&buf, 65536);
    cr_assert_not_null(room);
    memset(room, 'r', 65536);
    bufCommit(&buf, 10);
    cr_assert_eq(bufLen(&buf), 10);
    cr_assert_eq(bufData(&buf)[9], 'r');
    bufFini(&buf);
}

Test(buf, aborts_when_more_is_consumed_than_held, .signal = SIGABRT)
{
    Buf buf;

    bufInit(&buf, 10);
    bufAppend(&buf, "abc", 3);
    bufConsume(&buf, 4);
}

Test(buf, aborts_when_more_is_committed_than_reserved, .signal = SIGABRT)
{
    Buf buf;

    bufInit(&buf, 10000);
    bufReserve(&buf, 10);
    bufCommit(&buf, 9000);
}

/* Against a plain string as the model, with the buffer nearly full always. */
Test(buf, equals_a_plain_model_under_random_use)
{
    enum { MAX = 1000 };
    char model[MAX];
    char piece[MAX];
    size_t len = 0;
    Buf buf;

    srand(7);
    bufInit(&buf, MAX);
    for (int i = 0; i < 200000; i++) {
        size_t n = (size_t)rand() % 40;
        if (rand() % 100 < 52) {
            memset(piece, 'a' + i % 26, n);
            cr_assert_eq(bufAppend(&buf, piece, n),
                         len + n > MAX ? -ENOBUFS : 0);
            if (len + n > MAX)
                continue;
            memcpy(model + len, piece, n);
            len += n;
        } else {
            n = n < len ? n : len;
            bufConsume(&buf, n);
            memmove(model, model + n, len - n);
            len -= n;
        }
        cr_assert_eq(bufLen(&buf), len);
        cr_assert(len == 0 || memcmp(bufData(&buf), model, len) == 0);
        cr_assert_leq(buf.size, 2 * MAX);
    }
    bufFini(&buf);
}

Test(buf, a_text_that_misses_a_piece_says_so)
{
    Buf buf;

    bufInit(&buf, 10);
    cr_assert_eq(bufAppend(&buf, "12345678", 8), 0);
    cr_assert_not(bufIsShort(&buf));
    cr_assert_eq(bufPrintf(&buf, "%s", "abc"), -ENOBUFS);
    cr_assert_eq(bufPrintf(&buf, "]"), 0);
    cr_assert(bufIsShort(&buf));
    bufConsume(&buf, 9);
    cr_assert_not(bufIsShort(&buf));
    cr_assert_eq(bufAppend(&buf, "12345678901", 11), -ENOBUFS);
    cr_assert(bufIsShort(&buf));
    bufClear(&buf);
    cr_assert_not(bufIsShort(&buf));
    bufFini(&buf);
}
