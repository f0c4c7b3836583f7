/* test_manager_text.c: documents under the names that Squid's have. */
#include <criterion/criterion.h>

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
