/* helper_cert_verdict.c: what a program that checks certificates found. */
#include "helper_cert_text.h"

#include <errno.h>
#include <string.h>

/* A verdict while it is read. */
typedef struct Reader {
    HelperCertCursor body;
    HelperCertVerdict verdict;
    bool hasCert[HELPER_CERT_ERRORS_MAX]; /* certNumber is set */
    struct {
        unsigned number;
        HelperCertText pem;
    } certs[HELPER_CERT_ERRORS_MAX];
    unsigned certCount;
} Reader;

/* What is wrong, or NULL. */
typedef const char *FieldFn(Reader *reader, unsigned number,
                            const HelperCertText *value);

/* The error with this number, a new one if need be; NULL: too many. */
static HelperCertError *
findError(Reader *reader, unsigned number)
{
    HelperCertVerdict *verdict = &reader->verdict;

    for (unsigned i = verdict->errorCount; i > 0; i--)
        if (verdict->errors[i - 1].number == number)
            return &verdict->errors[i - 1];
    if (verdict->errorCount == HELPER_CERT_ERRORS_MAX)
        return NULL;
    HelperCertError *error = &verdict->errors[verdict->errorCount++];
    *error = (HelperCertError){.number = number, .depth = -1};
    return error;
}

static const char *
readCert(Reader *reader, unsigned number, const HelperCertText *value)
{
    HelperCertCursor cursor = {value->data, value->data + value->len};
    HelperCertText block, label;

    if (!helperCertTakePem(&cursor, &block, &label) ||
        !helperCertIsText(&label, "CERTIFICATE"))
        return "a cert_N is no certificate";
    for (unsigned i = 0; i < reader->certCount; i++)
        if (reader->certs[i].number == number)
            return "a cert_N comes twice";
    if (reader->certCount == HELPER_CERT_ERRORS_MAX)
        return "it has too many certificates";
    reader->certs[reader->certCount].number = number;
    reader->certs[reader->certCount++].pem = *value;
    return NULL;
}

static bool
isErrorName(const HelperCertText *value)
{
    for (size_t i = 0; i < value->len; i++)
        if (!(value->data[i] >= 'A' && value->data[i] <= 'Z') &&
            !(value->data[i] >= '0' && value->data[i] <= '9') &&
            value->data[i] != '_')
            return false;
    return helperCertStartsWith(value, "X509_V_ERR_") ||
           helperCertStartsWith(value, "SQUID_X509_V_ERR_");
}

static const char *
readName(Reader *reader, unsigned number, const HelperCertText *value)
{
    HelperCertError *error = findError(reader, number);

    if (!error)
        return "it has too many errors";
    if (error->name.data)
        return "an error_name_N comes twice";
    if (!isErrorName(value))
        return "an error_name_N is no X509_V_ERR_ or SQUID_X509_V_ERR_ name";
    error->name = *value;
    return NULL;
}

static const char *
readReason(Reader *reader, unsigned number, const HelperCertText *value)
{
    HelperCertError *error = findError(reader, number);

    if (!error)
        return "it has too many errors";
    if (error->reason.data)
        return "an error_reason_N comes twice";
    error->reason = *value;
    return NULL;
}

static const char *
readErrorCert(Reader *reader, unsigned number, const HelperCertText *value)
{
    HelperCertError *error = findError(reader, number);

    if (!error)
        return "it has too many errors";
    bool *has = &reader->hasCert[error - reader->verdict.errors];
    if (*has)
        return "an error_cert_N comes twice";
    if (!helperCertReadNumberAfter(value, HELPER_CERT_KEY, &error->certNumber))
        return "an error_cert_N is no cert_N";
    *has = true;
    return NULL;
}

static const char *
readDepth(Reader *reader, unsigned number, const HelperCertText *value)
{
    HelperCertError *error = findError(reader, number);
    unsigned depth;

    if (!error)
        return "it has too many errors";
    if (error->depth >= 0)
        return "an error_depth_N comes twice";
    if (!helperCertReadNumberAfter(value, "", &depth))
        return "an error_depth_N is no number";
    error->depth = (int)depth;
    return NULL;
}

static const struct {
    const char *prefix;
    FieldFn *read;
} fields[] = {
    {HELPER_CERT_KEY, readCert},   {"error_name_", readName},
    {"error_reason_", readReason}, {"error_cert_", readErrorCert},
    {"error_depth_", readDepth},
};

static const char *
readField(Reader *reader, const HelperCertText *key,
          const HelperCertText *value)
{
    unsigned number;

    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
        if (helperCertReadNumberAfter(key, fields[i].prefix, &number))
            return fields[i].read(reader, number, value);
    return "it has an unknown key";
}

/* Take key=value; a certificate has several lines. */
static const char *
takeField(Reader *reader)
{
    HelperCertText line, label, value;
    HelperCertCursor rest = reader->body;

    (void)helperCertTakeLine(&reader->body, &line);
    if (line.len == 0)
        return NULL;
    const char *equals = memchr(line.data, '=', line.len);
    if (!equals)
        return "a line of it is not key=value";
    HelperCertText key = {line.data, (size_t)(equals - line.data)};
    rest.at = equals + 1;
    if (helperCertStartsWith(&key, HELPER_CERT_KEY) &&
        helperCertTakePem(&rest, &value, &label)) {
        reader->body = rest;
    } else {
        value.data = equals + 1;
        value.len = line.len - key.len - 1;
        if (helperCertHasControl(value.data, value.len))
            return "control octet in a value";
    }
    return readField(reader, &key, &value);
}

/* All has been read: is it whole? */
static const char *
completeErrors(Reader *reader)
{
    HelperCertVerdict *verdict = &reader->verdict;

    for (unsigned i = 0; i < verdict->errorCount; i++) {
        HelperCertError *error = &verdict->errors[i];
        if (!error->name.data)
            return "an error has no name";
        if (!reader->hasCert[i])
            return "an error has no certificate";
        for (unsigned j = 0; j < reader->certCount; j++)
            if (reader->certs[j].number == error->certNumber)
                error->cert = reader->certs[j].pem;
    }
    if (verdict->isValid && verdict->errorCount > 0)
        return "it is OK and has errors";
    return verdict->isValid || verdict->errorCount > 0
               ? NULL
               : "it is ERR and has no errors";
}

static const char *
readVerdict(Reader *reader, const HelperReply *reply)
{
    if (reply->result != HELPER_OK && reply->result != HELPER_ERR)
        return "it is neither OK nor ERR";
    reader->verdict.isValid = reply->result == HELPER_OK;
    const char *wrong = helperCertFindBody(reply, &reader->body);
    while (!wrong && reader->body.at < reader->body.end)
        wrong = takeField(reader);
    return wrong ? wrong : completeErrors(reader);
}

int
helperCertParseVerdict(const HelperReply *reply, HelperCertVerdict *verdictOut,
                       const char **whyOut)
{
    Reader reader = {.certCount = 0};
    const char *wrong = readVerdict(&reader, reply);

    if (wrong) {
        *whyOut = wrong;
        return -EBADMSG;
    }
    *verdictOut = reader.verdict;
    return 0;
}
