/* format_log.c: the table of codes that logs have: what came of a request. */
#include "format_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CLF_TIME "%d/%b/%Y:%H:%M:%S %z"

static void
putNumber(FormatValue *value, int64_t number)
{
    int len = snprintf(value->text, sizeof(value->text), "%" PRId64, number);

    value->slice = httpSlice(value->text, (size_t)len);
}

static void
putText(FormatValue *value, const char *text)
{
    value->slice = httpSliceText(text);
}

/* Numbers of a log, which may be absent. */
#define KNOWN(name, isKnown, expression)                                       \
    static void name(const FormatInput *input, const FormatToken *token,       \
                     FormatValue *value)                                       \
    {                                                                          \
        const FormatLog *log = input->log;                                     \
        (void)token;                                                           \
        if (log != NULL && (isKnown))                                          \
            putNumber(value, (int64_t)(expression));                           \
    }

#define NUMBER(name, expression) KNOWN(name, true, expression)

#define TEXT(name, expression)                                                 \
    static void name(const FormatInput *input, const FormatToken *token,       \
                     FormatValue *value)                                       \
    {                                                                          \
        const FormatLog *log = input->log;                                     \
        (void)token;                                                           \
        if (log != NULL)                                                       \
            putText(value, (expression));                                      \
    }

NUMBER(getSeconds, log->wallUs / 1000000)
NUMBER(getMillis, log->wallUs / 1000 % 1000)
NUMBER(getElapsed, log->elapsedUs > 0 ? log->elapsedUs / 1000 : 0)
NUMBER(getNumber, log->number)
NUMBER(getStatus, log->status)
NUMBER(getOriginStatus, log->originStatus)
NUMBER(getAllOctets, log->received + log->sent)
NUMBER(getReceived, log->received)
NUMBER(getReceivedHead, log->receivedHead)
NUMBER(getSent, log->sent)
NUMBER(getOriginBody, log->originBody)
TEXT(getOwnAddress, log->ownAddr)
TEXT(getHierarchy, log->hierarchy)
KNOWN(getPeerPort, log->peerPort != 0, log->peerPort)
KNOWN(getOwnPort, log->ownPort != 0, log->ownPort)
KNOWN(getPeerTime, log->peerMs >= 0, log->peerMs)
KNOWN(getPeersTime, log->peersMs >= 0, log->peersMs)
TEXT(getPeer, log->peer)
TEXT(getError, log->error)
TEXT(getVersion, log->minor > 0 ? "1.1" : "1.0")

/* Squid's rewriters of old took the name of a parent, else the host. */
static void
getPeerName(const FormatInput *input, const FormatToken *token,
            FormatValue *value)
{
    (void)token;
    if (input->log == NULL || input->log->peer == NULL)
        return;
    if (input->log->peerName != NULL)
        putText(value, input->log->peerName);
    else
        value->slice = input->url.host;
}

static void
getResult(const FormatInput *input, const FormatToken *token,
          FormatValue *value)
{
    (void)token;
    if (input->log == NULL)
        return;
    int len = snprintf(value->text, sizeof(value->text), "%s%s",
                       input->log->result, input->log->end);
    value->slice = httpSlice(value->text, (size_t)len);
}

/* Without its parameters. */
static void
getType(const FormatInput *input, const FormatToken *token, FormatValue *value)
{
    const char *type = input->log != NULL ? input->log->type : NULL;

    (void)token;
    if (type != NULL)
        value->slice = httpSlice(type, strcspn(type, "; \t"));
}

static void
getStart(const FormatInput *input, const FormatToken *token, FormatValue *value)
{
    (void)token;
    if (input->log == NULL)
        return;
    int64_t us = input->log->wallUs - input->log->elapsedUs;
    int len =
        snprintf(value->text, sizeof(value->text), "%" PRId64 ".%03" PRId64,
                 us / 1000000, us / 1000 % 1000);
    value->slice = httpSlice(value->text, (size_t)len);
}

/* The format is the operator's, which no compiler can check. */
static size_t (*const formatTime)(char *, size_t, const char *,
                                  const struct tm *) = strftime;

static void
putTime(const FormatToken *token, const struct tm *when, FormatValue *value)
{
    size_t len = formatTime(value->text, sizeof(value->text),
                            token->text != NULL ? token->text : CLF_TIME, when);

    value->slice = httpSlice(value->text, len);
}

static void
getLocalTime(const FormatInput *input, const FormatToken *token,
             FormatValue *value)
{
    struct tm when;
    time_t now = input->log != NULL ? input->log->wallUs / 1000000 : 0;

    if (input->log != NULL && localtime_r(&now, &when) != NULL)
        putTime(token, &when, value);
}

static void
getGmt(const FormatInput *input, const FormatToken *token, FormatValue *value)
{
    struct tm when;
    time_t now = input->log != NULL ? input->log->wallUs / 1000000 : 0;

    if (input->log != NULL && gmtime_r(&now, &when) != NULL)
        putTime(token, &when, value);
}

#define TIME_FLAGS (FORMAT_CODE_WHOLE | FORMAT_CODE_FREE)

const FormatCode formatLogCodes[] = {
    {"ts", getSeconds, 0, "seconds since 1970, at the request's end"},
    {"tu", getMillis, 0, "the thousandths that belong to them"},
    {"tl", getLocalTime, TIME_FLAGS,
     "local time; {FORMAT} as strftime(3) has it, or " CLF_TIME},
    {"tg", getGmt, TIME_FLAGS, "the same in GMT"},
    {"tr", getElapsed, 0, "milliseconds from the request's first octet on"},
    {"tS", getStart, 0, "seconds since 1970, at the request's begin"},
    {"dt", NULL, 0, NULL},
    {"sn", getNumber, 0, "number of the request since the start"},
    {"master_xaction", getNumber, 0, NULL},
    {"Ss", getResult, 0, "what the cache did, as TCP_MISS"},
    {"Sh", getHierarchy, 0, "who was asked, as HIER_DIRECT"},
    {"<a", getPeer, FORMAT_CODE_FREE, "address of the origin or parent"},
    {"<A", getPeerName, FORMAT_CODE_FREE, "its name"},
    {"<p", getPeerPort, 0, "its port"},
    {"<la", getOwnAddress, FORMAT_CODE_FREE,
     "address of ours that it was asked from"},
    {"<lp", getOwnPort, 0, "port of that"},
    {">qos", NULL, 0, NULL},
    {"<qos", NULL, 0, NULL},
    {">nfmark", NULL, 0, NULL},
    {"<nfmark", NULL, 0, NULL},
    {">handshake", NULL, 0, NULL},
    {"err_code", getError, 0, "name of our error page, as ERR_DNS_FAIL"},
    {"err_detail", NULL, 0, NULL},
    {">Hs", getStatus, 0, "status that was sent"},
    {"Hs", getStatus, 0, NULL},
    {"<Hs", getOriginStatus, 0, "status of the origin's answer"},
    {"rv", getVersion, 0, "HTTP version of the request"},
    {">rv", getVersion, 0, NULL},
    {"<rv", NULL, 0, NULL},
    {"mt", getType, FORMAT_CODE_FREE, "media type of the answer"},
    {"st", getAllOctets, 0, "octets of the request and of the answer"},
    {">st", getReceived, 0, "octets of the request"},
    {"<st", getSent, 0, "octets of the answer"},
    {">sh", getReceivedHead, 0, "octets of the request's head"},
    {"<sh", NULL, 0, NULL},
    {"<sH", NULL, 0, NULL},
    {"<sS", NULL, 0, NULL},
    {"<bs", getOriginBody, 0, "octets of the body that the origin has sent"},
    {"<pt", getPeerTime, 0,
     "milliseconds from asking the origin or parent to its last octet"},
    {"<tt", getPeersTime, 0, "the same from asking the first that was tried"},
    {"icap::", NULL, 0, NULL},
    {"adapt::", NULL, 0, NULL},
    {"proxy_protocol::", NULL, 0, NULL},
    {"transport::", NULL, 0, NULL},
};

const size_t formatLogCodeCount =
    sizeof(formatLogCodes) / sizeof(formatLogCodes[0]);
