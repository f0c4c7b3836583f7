/* Tests of the lines to helpers that answer acls, and of what they say. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "external_acl.h"

static void
onComplaint(const char *text, bool isUnknown, void *data)
{
    (void)isUnknown;
    (void)data;
    cr_assert(false, "%s", text);
}

/* The line for a format, the words of an acl and a user. */
static ssize_t
formatLine(const char *format, const char *const *args, bool isShell, char *out,
           size_t size)
{
    ConfigExternal kind = {.isShell = isShell};
    char name[] = "who";
    char *words[8];
    AclExternal acl = {.name = name, .args = words};
    FormatInput input = {.method = httpSliceText("GET"), .user = "al ice"};
    ExternalQuery query = {&kind, &acl, &input};
    ssize_t len;

    for (; args != NULL && args[acl.argCount] != NULL; acl.argCount++) {
        words[acl.argCount] = strdup(args[acl.argCount]);
        cr_assert(acl.argCount < 8);
    }
    kind.format = formatCreate(format, onComplaint, NULL);
    kind.hasData = formatHas(kind.format, "DATA");
    len = externalFormat(&query, out, size);
    formatDestroy(&kind.format);
    while (acl.argCount > 0)
        free(words[--acl.argCount]);
    return len;
}

/* What Squid 5.7 sent, but for "%", which is escaped here. */
Test(external, the_line_is_squids)
{
    static const char *const args[] = {"a b", "plain", "q\"uote", "100%", NULL};
    static const struct {
        const char *format;
        bool isShell;
        const char *line;
    } rows[] = {
        {"%METHOD %LOGIN", false, "GET al%20ice a%20b plain q%22uote 100%25"},
        {"%METHOD %DATA %ACL", false, "GET a%20b plain q%22uote 100%25 who"},
        {"%METHOD", true, "GET \"a b\" plain q\\\"uote 100%"},
        {"", false, "a%20b plain q%22uote 100%25"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char out[256];
        ssize_t len =
            formatLine(rows[i].format, args, rows[i].isShell, out, 256);

        cr_assert_eq(len, (ssize_t)strlen(rows[i].line), "%.*s", (int)len, out);
        cr_expect_eq(memcmp(out, rows[i].line, (size_t)len), 0, "%.*s",
                     (int)len, out);
    }
}

Test(external, without_words_there_is_nothing_at_the_end)
{
    char out[64];

    cr_expect_eq(formatLine("%METHOD", NULL, false, out, 64), 3);
    cr_expect_eq(formatLine("%METHOD %DATA", NULL, false, out, 64), 5);
    cr_expect_eq(memcmp(out, "GET -", 5), 0);
}

Test(external, a_line_that_is_too_long_is_not_cut)
{
    static const char *const args[] = {"word", NULL};
    char out[16];

    cr_expect_eq(formatLine("%METHOD", args, false, out, 8), 8);
    for (size_t size = 0; size < 8; size++)
        cr_expect_eq(formatLine("%METHOD", args, false, out, size), -EMSGSIZE,
                     "%zu", size);
}

Test(external, an_answer_says_who_it_is)
{
    char text[] = "OK user=bo log=l message=m tag=one password=p error=e";
    char later[] = "ERR user=al tag=two";
    char scratch[128];
    HelperReply reply;
    AclFacts facts;

    aclFactsInit(&facts);
    helperProtoParseReply(text, strlen(text), scratch, sizeof(scratch), &reply);
    externalNote(&reply, &facts);
    helperProtoParseReply(later, strlen(later), scratch, sizeof(scratch),
                          &reply);
    externalNote(&reply, &facts);
    cr_expect_str_eq(facts.extUser, "al");
    cr_expect_str_eq(facts.extLog, "l");
    cr_expect_str_eq(facts.message, "m");
    cr_expect_str_eq(facts.password, "p");
    cr_expect_str_eq(facts.extTag, "one", "a tag is set once");
    cr_expect_str_eq(aclFactsUser(&facts), "al");
    aclFactsSetText(&facts.user, "real");
    cr_expect_str_eq(aclFactsUser(&facts), "real", "credentials are surer");
    aclFactsClear(&facts);
}
