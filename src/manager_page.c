/* The manager's pages for people. DEBUG: section 16 */
#include <string.h>

#include "manager_priv.h"

static const char page[] =
#include "manager_page.inc"
    ;

static const char demo[] =
    "<!doctype html>\n"
    "<html lang=\"en\"><meta charset=\"utf-8\">\n"
    "<title>Squire works</title>\n"
    "<body style=\"font-family: sans-serif; max-width: 40em; margin: 3em auto;"
    " padding: 0 1em\">\n"
    "<h1>It works.</h1>\n"
    "<p>This page came through Squire: a helper process changed the address"
    " that you asked for, and the next minute's requests for it are answered"
    " from the cache. Look at the fields <code>Via</code>, <code>Age</code>"
    " and <code>Cache-Status</code> of the answer.</p>\n";

int
managerWritePage(Buf *out, const Proxy *proxy)
{
    (void)proxy;
    return bufAppend(out, page, sizeof(page) - 1);
}

int
managerWriteDemo(Buf *out, const Proxy *proxy)
{
    (void)proxy;
    return bufAppend(out, demo, sizeof(demo) - 1);
}
