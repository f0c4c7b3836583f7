/* test_password.c: hashes of passwords by vectors that other programs made,
 * and files of them. */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "digest_query.h"
#include "password_apr1.h"
#include "password_file.h"
#include "password_hash.h"
#include "support.h"

TestSuite(password, .init = supportInit, .fini = supportFini, .timeout = 20);

#define PASSWORD "p%ss w"
#define BCRYPT "$2b$05$abcdefghijklmnopqrstuuBte9rA1rmzcsZMjptTDVab86UCUN5Xu"

/* By `openssl passwd -apr1`. */
static const struct {
    const char *password;
    const char *hash;
} apr1[] = {
    {"wonder land", "$apr1$saltsalt$n8hLDVHT9AZelJlDMwxV0/"},
    {"", "$apr1$x$tMwYqBfQwi3FYAr0aJc8M/"},
    {"a", "$apr1$abcdefgh$G8IsPsylW5ROvIKsQMRG61"},
    {"0123456789abcdef0123456789abcdef0123456789",
     "$apr1$12345678$TDrW2.XikTij.g7OcjXJm."},
    {"p\xc3\xa4ss", "$apr1$Pe./Zz09$WIuihfZN95WhTkmtLXq7Y1"},
};

Test(password, apr1_gives_what_openssl_gives)
{
    for (size_t i = 0; i < sizeof(apr1) / sizeof(*apr1); i++) {
        char out[PASSWORD_APR1_SIZE];

        cr_assert(passwordApr1(apr1[i].password, apr1[i].hash, out));
        cr_expect_str_eq(out, apr1[i].hash);
        cr_expect(passwordHashVerify(apr1[i].hash, apr1[i].password));
        cr_expect_not(passwordHashVerify(apr1[i].hash, "wonder lane"));
    }
}

Test(password, every_kind_of_hash)
{
    static const char *const hashes[] = {
        "$y$j9T$saltsaltsalt$nMj8DNjuAOEbciUoV0oxzzCFVFZhL07kDqqtkW7OcqB",
        BCRYPT,
        "$5$rounds=1000$saltstring$"
        "is9suW1JCSiUC7uIbApL56zuD5x8KczoKIT9wjNTpV.",
        "$6$rounds=1000$saltstring$rQahCQvVxriqoaOvzFkFEHmlan5kPKbTMev0/"
        "5u7YuJ53LnPjBHTSfXlPCmpGh1Q3KWT..99wAhpktY8kV1Nh1",
        "$1$saltsalt$yKJDmzg8ivwF61d6WYjDo0",
        "abw5EfHZdKgxE",
        "{SHA}YTjIDzfaLYJ4pFUQ0kro6BA+kDM=",
    };

    for (size_t i = 0; i < sizeof(hashes) / sizeof(*hashes); i++) {
        cr_expect_null(passwordHashProblem(hashes[i]), "%s", hashes[i]);
        cr_expect(passwordHashVerify(hashes[i], PASSWORD), "%s", hashes[i]);
        cr_expect_not(passwordHashVerify(hashes[i], "p%ss x"));
        cr_expect_not(passwordHashVerify(hashes[i], ""));
    }
}

Test(password, des_takes_no_more_than_it_looks_at)
{
    cr_expect(passwordHashVerify("ab1iBa.N.U2C6", "12345678"));
    cr_expect_not(passwordHashVerify("ab1iBa.N.U2C6", "123456789"));
}

Test(password, what_is_no_hash_is_told)
{
    static const char *const bad[] = {
        "",
        "!",
        "*",
        "plain",
        "$apr1$saltsalt$short",
        "$apr1$saltsaltsalt$n8hLDVHT9AZelJlDMwxV0/",
        "$apr1$$n8hLDVHT9AZelJlDMwxV0/",
        "$apr1$saltsalt",
        "{SHA}short",
        "$9$x$y",
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        cr_expect(passwordHashProblem(bad[i]) || strcmp(bad[i], "plain") == 0,
                  "%s", bad[i]);
        cr_expect_not(passwordHashVerify(bad[i], "plain"), "%s", bad[i]);
        cr_expect_not(passwordHashVerify(bad[i], bad[i]), "%s", bad[i]);
    }
}

/* Borrowed until the test's end; NULL is a test failure. */
static void *
fileOf(const ReloadOps *ops, const char *text)
{
    FILE *file = fmemopen((void *)(uintptr_t)text, strlen(text), "r");
    char *error = NULL;
    void *table = reloadRead(ops, file, "test", "users", &error);

    fclose(file);
    cr_assert(table, "%s", error);
    return table;
}

Test(password, a_file_of_users)
{
    void *file = fileOf(&passwordFileHtpasswdOps,
                        "# users\n"
                        "alice:" BCRYPT "\n"
                        "  carol:" BCRYPT ":more:fields \r\n"
                        "alice:{SHA}YTjIDzfaLYJ4pFUQ0kro6BA+kDM=\n"
                        "nobody\n"
                        ":" BCRYPT "\n"
                        "dave:!\n");

    cr_expect(passwordFileVerify(file, "alice", PASSWORD));
    cr_expect(passwordFileVerify(file, "carol", PASSWORD));
    cr_expect_not(passwordFileVerify(file, "alice", "p%ss"));
    cr_expect_not(passwordFileVerify(file, "dave", "!"));
    cr_expect_not(passwordFileVerify(file, "nobody", PASSWORD));
    cr_expect_not(passwordFileVerify(file, "", PASSWORD));
    passwordFileHtpasswdOps.destroy(&file);
    cr_expect_null(file);
}

Test(password, an_empty_file_lets_nobody_in)
{
    void *file = fileOf(&passwordFileHtpasswdOps, "\n");

    cr_expect_not(passwordFileVerify(file, "alice", PASSWORD));
    passwordFileHtpasswdOps.destroy(&file);
}

static clock_t
cpuOf(const PasswordFile *file, const char *user)
{
    clock_t before = clock();

    for (int i = 0; i < 20; i++)
        passwordFileVerify(file, user, PASSWORD);
    return clock() - before;
}

/* Else a clock tells who has an account. The factor is far below what
 * leaving the work out would give. */
Test(password, an_unknown_user_costs_what_a_known_one_costs)
{
    void *file = fileOf(&passwordFileHtpasswdOps, "alice:" BCRYPT "\n");
    clock_t known = cpuOf(file, "alice");

    cr_expect_gt(cpuOf(file, "nobody"), known / 8);
    passwordFileHtpasswdOps.destroy(&file);
}

Test(password, digest_files)
{
    void *plain =
        fileOf(&passwordFilePlainOps, "alice:sec:ret\nbob:\nnobody\n");
    void *ha1 = fileOf(&passwordFileHa1Ops,
                       "bob:squid:e7bd4536827605fec8ab8bdff9f5e2da\n"
                       "bob:a:b:E7BD4536827605fec8ab8bdff9f5e2da\n"
                       "eve:squid:e7bd4536827605fec8ab8bdff9f5e2d\n"
                       "eve:e7bd4536827605fec8ab8bdff9f5e2da\n");

    cr_expect_str_eq(passwordFileLookup(plain, "alice"), "sec:ret");
    cr_expect_str_eq(passwordFileLookup(plain, "bob"), "");
    cr_expect_null(passwordFileLookup(plain, "nobody"));
    cr_expect(passwordFileLookup(ha1, "bob:squid"));
    cr_expect(passwordFileLookup(ha1, "bob:a:b"));
    cr_expect_null(passwordFileLookup(ha1, "bob"));
    cr_expect_null(passwordFileLookup(ha1, "eve:squid"));
    passwordFilePlainOps.destroy(&plain);
    passwordFileHa1Ops.destroy(&ha1);
}

Test(password, digest_queries)
{
    char good[] = "\"al\"i ce\":\"squid\" extra";
    char out[DIGEST_HA1_SIZE];
    char *user, *realm;

    cr_assert(digestQueryParse(good, &user, &realm));
    cr_expect_str_eq(user, "al\"i ce");
    cr_expect_str_eq(realm, "squid");
    cr_assert(digestQueryHa1("alice", "squid", "secret", out));
    cr_expect_str_eq(out, "9b6e285ec11dd39774af5a5916382688");
    for (int i = 0; i < 7; i++) {
        static const char *const bad[] = {
            "", "\"", "\"a\"", "\":\"", "a:b", "\"a\":\"b", "\":\"b\""};
        char line[32];

        snprintf(line, sizeof(line), "%s", bad[i]);
        cr_expect_not(digestQueryParse(line, &user, &realm), "%s", bad[i]);
    }
}
