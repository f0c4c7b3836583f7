/* fuzz_http_url.c: any text is a URL in a canonical form or is refused, and
 * so it is with authorities, dates, lists and entity tags. */
#include "buf.h"
#include "check.h"
#include "fuzz.h"
#include "http_cond.h"
#include "http_date.h"
#include "http_octet.h"
#include "http_url.h"
#include "xalloc.h"

#include <stdlib.h>

const char fuzzName[] = "http_url";

#define TEXT_MAX (1u << 20)

static HttpSlice
bufSlice(const Buf *buf)
{
    return httpSlice(bufData(buf), bufLen(buf));
}

/* The canonical form parses, is its own canonical form, and is harmless. */
static void
checkCanonical(const HttpUrl *url)
{
    Buf first;
    Buf second;
    HttpUrl back;

    bufInit(&first, TEXT_MAX);
    bufInit(&second, TEXT_MAX);
    CHECK(httpUrlFormat(url, &first) == 0);
    CHECK(httpOctetsAre(bufData(&first), bufLen(&first), HTTP_OCTET_TARGET));
    HttpUrlError error =
        url->scheme ? httpUrlParse(bufSlice(&first), &back)
                    : httpUrlParseAuthority(bufSlice(&first), 0, &back);
    CHECK(!error || error == HTTP_URL_ERROR_TOO_LONG);
    if (!error) {
        CHECK(httpUrlFormat(&back, &second) == 0);
        CHECK(httpSliceEqual(bufSlice(&first), bufSlice(&second)));
        CHECK(back.port == url->port && back.hostIsIpv6 == url->hostIsIpv6);
    }
    bufFini(&first);
    bufFini(&second);
}

static void
checkUrls(HttpSlice text)
{
    HttpUrl url;

    if (httpUrlParse(text, &url) == 0)
        checkCanonical(&url);
    if (httpUrlParseAuthority(text, 0, &url) == 0)
        checkCanonical(&url);
    if (httpUrlParseAuthority(text, 80, &url) == 0)
        CHECK(url.port && url.host.len);
}

/* What a reference means is a URL in its canonical form, or nothing. */
static void
checkReference(HttpSlice text)
{
    HttpUrl base;
    HttpUrl url;
    Buf first;
    Buf second;

    bufInit(&first, TEXT_MAX);
    bufInit(&second, TEXT_MAX);
    CHECK(httpUrlParse(httpSliceText("http://a/b/c/d;p?q"), &base) == 0);
    if (httpUrlResolve(&base, text, &first) == 0 &&
        httpUrlParse(bufSlice(&first), &url) == 0) {
        CHECK(httpUrlFormat(&url, &second) == 0);
        CHECK(httpSliceEqual(bufSlice(&first), bufSlice(&second)));
        bufClear(&second);
        CHECK(httpUrlResolve(&base, bufSlice(&first), &second) == 0);
        CHECK(httpSliceEqual(bufSlice(&first), bufSlice(&second)));
    }
    bufFini(&first);
    bufFini(&second);
}

static void
checkDate(HttpSlice text)
{
    char out[HTTP_DATE_SIZE];
    time_t when;
    time_t back;

    if (!httpDateParse(text, 1790000000, &when))
        return;
    httpDateFormat(when, out);
    CHECK(httpDateParse(httpSliceText(out), 1790000000, &back));
    CHECK(back == when);
}

static void
checkLists(HttpSlice text)
{
    HttpList list;
    HttpSlice item;
    HttpSlice name;
    HttpSlice value;

    httpListStartText(&list, text);
    while (httpListNext(&list, &item)) {
        CHECK(item.len > 0 && item.data >= text.data &&
              item.data + item.len <= text.data + text.len);
        httpListParam(item, &name, &value);
        CHECK(name.len <= item.len && value.len <= item.len);
        httpHeaderIdOf(name);
    }
    httpEtagWeakEqual(text, text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *copy = xmalloc(size);

    if (size)
        memcpy(copy, data, size);
    HttpSlice text = httpSlice(copy, size);
    checkUrls(text);
    checkReference(text);
    checkDate(text);
    checkLists(text);
    free(copy);
    return 0;
}
