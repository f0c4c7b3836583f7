/* ctl_http.c: squirectl asks the manager. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <curl/curl.h>

#include "ctl.h"

#define CONNECT_MS 5000L
#define GET_MS 10000L
#define POST_MS 60000L

/* One request. */
typedef struct Exchange {
    const Ctl *ctl;
    CURL *curl;
    struct curl_slist *fields;
    char *url;
    Buf *out;        /* of a whole answer, or of a refusal */
    CtlStreamCb *cb; /* NULL: into out */
    void *data;
    bool hasEnough;
    char error[CURL_ERROR_SIZE];
} Exchange;

static volatile sig_atomic_t isInterrupted;

static void
onInterrupt(int signo)
{
    (void)signo;
    isInterrupted = 1;
}

/* Once: the second time ends the program at once. */
static void
catchInterrupt(void)
{
    struct sigaction action = {.sa_handler = onInterrupt,
                               .sa_flags = (int)SA_RESETHAND};

    isInterrupted = 0;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* Asked about once a second, and whenever something comes. */
static int
onProgress(void *data, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)data, (void)a, (void)b, (void)c, (void)d;
    return isInterrupted;
}

static long
statusOf(const Exchange *exchange)
{
    long status = 0;

    curl_easy_getinfo(exchange->curl, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

static size_t
onBody(char *text, size_t size, size_t count, void *data)
{
    Exchange *exchange = data;
    size_t len = size * count;

    if (exchange->cb == NULL || statusOf(exchange) != 200)
        return bufAppend(exchange->out, text, len) == 0 ? len : 0;
    if (exchange->cb(text, len, exchange->data))
        return len;
    exchange->hasEnough = true;
    return 0;
}

/* The name in the URL of a unix socket is not looked up. */
static bool
startExchange(Exchange *exchange, const Ctl *ctl, const char *path, long ms)
{
    Buf url;

    exchange->ctl = ctl;
    exchange->curl = curl_easy_init();
    if (exchange->curl == NULL)
        return false;
    bufInit(&url, 65536);
    bufPrintf(&url, "%s%s%c", ctl->socketPath ? "http://localhost" : ctl->url,
              path, '\0');
    exchange->url = bufData(&url); /* is ours now */
    exchange->fields = curl_slist_append(NULL, "X-Squire: 1");
    CURL *curl = exchange->curl;
    curl_easy_setopt(curl, CURLOPT_URL, exchange->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_HTTPAUTH,
                     (long)(CURLAUTH_BASIC | CURLAUTH_DIGEST));
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, exchange->fields);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ms);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, exchange->error);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, onBody);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, exchange);
    if (ctl->socketPath != NULL)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, ctl->socketPath);
    return true;
}

static void
endExchange(Exchange *exchange)
{
    curl_slist_free_all(exchange->fields);
    curl_easy_cleanup(exchange->curl);
    free(exchange->url);
}

/* The URL without the password that may be in it. */
static const char *
placeOf(const Ctl *ctl)
{
    const char *name = ctl->socketPath != NULL ? NULL : strrchr(ctl->url, '@');

    if (name != NULL)
        return name + 1;
    return ctl->socketPath != NULL ? ctl->socketPath : ctl->url;
}

static void
tellNoConnection(const Exchange *exchange, CURLcode code)
{
    const Ctl *ctl = exchange->ctl;
    const char *place = placeOf(ctl);
    const char *why =
        exchange->error[0] ? exchange->error : curl_easy_strerror(code);
    long error = 0;

    curl_easy_getinfo(exchange->curl, CURLINFO_OS_ERRNO, &error);
    if (code == CURLE_COULDNT_CONNECT && error != 0)
        why = strerror((int)error);
    if (code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST)
        ctlFail(ctl, "cannot connect to %s: %s; is manager_port set?", place,
                why);
    else
        ctlFail(ctl, "%s: %s", place, why);
}

/* What the manager said first in a refusal, as one line. */
static void
tellRefusal(const Exchange *exchange)
{
    const char *text = bufData(exchange->out);
    size_t len = bufLen(exchange->out);

    while (len > 0 && (text[len - 1] == '\n' || text[len - 1] == '\r'))
        len--;
    ctlFail(exchange->ctl, "the manager says %ld: %.*s", statusOf(exchange),
            (int)(len < 4096 ? len : 4096), len > 0 ? text : "");
}

/* 0, or -1 after a complaint. */
static int
perform(Exchange *exchange)
{
    CURLcode code = curl_easy_perform(exchange->curl);

    if (exchange->hasEnough || code == CURLE_ABORTED_BY_CALLBACK ||
        (code == CURLE_OPERATION_TIMEDOUT && exchange->cb != NULL &&
         statusOf(exchange) == 200))
        return 0;
    if (code != CURLE_OK) {
        tellNoConnection(exchange, code);
        return -1;
    }
    if (statusOf(exchange) == 200)
        return 0;
    tellRefusal(exchange);
    return -1;
}

int
ctlHttpGet(const Ctl *ctl, const char *path, Buf *out)
{
    Exchange exchange = {.out = out};

    if (!startExchange(&exchange, ctl, path, GET_MS))
        return -1;
    int rc = perform(&exchange);
    endExchange(&exchange);
    return rc;
}

int
ctlHttpPost(const Ctl *ctl, const char *path, Buf *out)
{
    Exchange exchange = {.out = out};

    if (!startExchange(&exchange, ctl, path, POST_MS))
        return -1;
    curl_easy_setopt(exchange.curl, CURLOPT_POST, 1L);
    curl_easy_setopt(exchange.curl, CURLOPT_POSTFIELDSIZE, 0L);
    int rc = perform(&exchange);
    endExchange(&exchange);
    return rc;
}

int
ctlHttpStream(const Ctl *ctl, const char *path, int64_t ms, CtlStreamCb *cb,
              void *data)
{
    Exchange exchange = {.cb = cb, .data = data};
    Buf refusal;

    bufInit(&refusal, CTL_BODY_MAX);
    exchange.out = &refusal;
    int rc = -1;
    if (startExchange(&exchange, ctl, path, (long)ms)) {
        catchInterrupt();
        curl_easy_setopt(exchange.curl, CURLOPT_NOPROGRESS, 0L);
        curl_easy_setopt(exchange.curl, CURLOPT_XFERINFOFUNCTION, onProgress);
        rc = perform(&exchange);
        endExchange(&exchange);
    }
    bufFini(&refusal);
    return rc;
}

json_t *
ctlHttpJson(const Ctl *ctl, const char *path)
{
    json_error_t error;
    json_t *value = NULL;
    Buf body;

    bufInit(&body, CTL_BODY_MAX);
    if (ctlHttpGet(ctl, path, &body) == 0) {
        value = json_loadb(bufData(&body), bufLen(&body), 0, &error);
        if (value == NULL)
            ctlFail(ctl, "what the manager says is no JSON: %s", error.text);
    }
    bufFini(&body);
    return value;
}

int64_t
ctlJsonInt(const json_t *object, const char *name)
{
    return (int64_t)ctlJsonReal(object, name);
}

double
ctlJsonReal(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);

    return json_is_number(value) ? json_number_value(value) : 0;
}

void
ctlPutTime(double seconds)
{
    time_t whole = (time_t)seconds;
    struct tm local;
    char text[32];

    localtime_r(&whole, &local);
    strftime(text, sizeof(text), "%H:%M:%S", &local);
    printf("%s.%03d", text, (int)((seconds - (double)whole) * 1000));
}

const char *
ctlJsonText(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text != NULL ? text : "";
}

int
ctlQueryPut(Buf *out, const char *text)
{
    int rc = 0;

    for (; *text != '\0' && rc == 0; text++) {
        unsigned char octet = (unsigned char)*text;
        bool isPlain = (octet >= '0' && octet <= '9') ||
                       (octet >= 'A' && octet <= 'Z') ||
                       (octet >= 'a' && octet <= 'z') || octet == '_' ||
                       octet == '-' || octet == '.';

        rc =
            isPlain ? bufAppend(out, text, 1) : bufPrintf(out, "%%%02X", octet);
    }
    return rc;
}
