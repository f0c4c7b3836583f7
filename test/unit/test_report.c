/* test_manager_text.c: documents under the names that Squid's have. */
#include <criterion/criterion.h>
#include <string.h>

#include "manager_priv.h"

static void
assertName(const char *target, const char *wanted)
{
    HttpSlice name = managerTextName(httpSliceText(target));

    cr_assert(httpSliceEqual(name, httpSliceText(wanted)), "%s: %.*s", target,
              HTTP_SLICE_ARG(name));
    cr_assert_eq(name.data == NULL, wanted == NULL, "%s", target);
}

Test(managerText, names_are_the_last_part_of_the_path)
{
    assertName("/squid-internal-mgr/info", "info");
    assertName("/squid-internal-mgr/info?x=1", "info");
    assertName("/squid-internal-mgr/info@secret", "info");
    assertName("http://localhost:3129/squid-internal-mgr/counters", "counters");
}

Test(managerText, without_a_name_it_is_the_menu)
{
    assertName("/squid-internal-mgr/", "menu");
    assertName("/squid-internal-mgr/?x", "menu");
}

Test(managerText, other_paths_have_none)
{
    assertName("/", NULL);
    assertName("/info", NULL);
    assertName("/squid-internal-mgr", NULL);
    assertName("http://", NULL);
    assertName("http://host", NULL);
    assertName("http://host/x/squid-internal-mgr/info", NULL);
    assertName("", NULL);
}

static void
assertTranslation(const char *from, const char *wanted)
{
    char text[100];
    size_t len = strlen(from);

    memcpy(text, from, len);
    len = managerTextTranslate(text, len, sizeof(text));
    cr_assert(httpSliceEqual(httpSlice(text, len), httpSliceText(wanted)),
              "%s: %.*s", from, (int)len, text);
}

Test(managerText, cache_object_becomes_a_path)
{
    assertTranslation("GET cache_object://localhost/info HTTP/1.0\r\nA: b\r\n",
                      "GET /squid-internal-mgr/info HTTP/1.0\r\nA: b\r\n");
    assertTranslation("GET cache_object://h/ HTTP/1.0\r\n\r\n",
                      "GET /squid-internal-mgr/ HTTP/1.0\r\n\r\n");
    assertTranslation("GET cache_object://h/info@secret HTTP/1.0\r\n",
                      "GET /squid-internal-mgr/info@secret HTTP/1.0\r\n");
}

Test(managerText, other_requests_stay_as_they_are)
{
    static const char *const texts[] = {
        "",
        "GET cache_obj",
        "GET cache_object://",
        "GET cache_object://h HTTP/1.0\r\nHost: a/b\r\n",
        "GET / HTTP/1.1\r\nX: GET cache_object://h/info\r\n",
        "POST cache_object://h/info HTTP/1.0\r\n",
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        assertTranslation(texts[i], texts[i]);
}

Test(managerText, no_room_leaves_the_request_alone)
{
    char text[] = "GET cache_object://h/info HTTP/1.0";
    size_t len = sizeof(text) - 1;

    cr_assert_eq(managerTextTranslate(text, len, len), len);
    cr_assert_str_eq(text, "GET cache_object://h/info HTTP/1.0");
}
