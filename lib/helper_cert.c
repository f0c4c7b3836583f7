/* helper_cert.c: requests about certificates, and certificates that were
 * made. */
#include "helper_cert_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool
isPemOnly(HelperCertCursor cursor)
{
    HelperCertText block, label;

    while (helperCertTakePem(&cursor, &block, &label))
        continue;
    return cursor.at == cursor.end;
}

static bool
isOnePem(const char *text, size_t len)
{
    HelperCertCursor cursor = {text, text + len};
    HelperCertText block, label;

    return helperCertTakePem(&cursor, &block, &label) &&
           cursor.at == cursor.end;
}

static bool
isKey(const char *key)
{
    return *key && key[strspn(key, "abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "0123456789-_")] == '\0';
}

/* Without the line end that the format adds anyway. */
static size_t
valueLen(const HelperPair *pair)
{
    bool hasEnd = pair->valueLen > 0 && pair->value[pair->valueLen - 1] == '\n';

    return pair->valueLen - hasEnd;
}

/* What is wrong with a request, or NULL. A name with a line end in it would
 * add a param of its own choice. */
static const char *
judgeRequest(const HelperCertRequest *request)
{
    if (!isKey(request->code))
        return "a code is one word";
    for (unsigned i = 0; i < request->paramCount; i++) {
        const HelperPair *pair = &request->params[i];
        if (!isKey(pair->key))
            return "a key is one word";
        if (helperCertHasControl(pair->value, pair->valueLen) &&
            !isOnePem(pair->value, pair->valueLen))
            return "control octet in a value that is not a certificate";
    }
    if (request->pemLen > 0 &&
        !isPemOnly(
            (HelperCertCursor){request->pem, request->pem + request->pemLen}))
        return "what follows the values is not PEM";
    return NULL;
}

static char *
put(char *at, const char *data, size_t len)
{
    memcpy(at, data, len);
    return at + len;
}

static char *
putParam(char *at, const HelperPair *pair)
{
    at = put(at, pair->key, strlen(pair->key));
    *at++ = '=';
    at = put(at, pair->value, valueLen(pair));
    *at++ = '\n';
    return at;
}

ssize_t
helperCertFormatRequest(const HelperCertRequest *request, char *out,
                        size_t size, const char **whyOut)
{
    const char *wrong = judgeRequest(request);
    size_t bodyLen = request->pemLen;
    char length[32];

    if (wrong) {
        *whyOut = wrong;
        return -EINVAL;
    }
    for (unsigned i = 0; i < request->paramCount; i++)
        bodyLen +=
            strlen(request->params[i].key) + valueLen(&request->params[i]) + 2;
    size_t codeLen = strlen(request->code);
    size_t lengthLen =
        (size_t)snprintf(length, sizeof(length), " %zu ", bodyLen);
    if (codeLen + lengthLen + bodyLen > size)
        return -ENOBUFS;
    char *at = put(out, request->code, codeLen);
    at = put(at, length, lengthLen);
    for (unsigned i = 0; i < request->paramCount; i++)
        at = putParam(at, &request->params[i]);
    if (request->pemLen > 0)
        at = put(at, request->pem, request->pemLen);
    return at - out;
}

static const char *
readMade(const HelperReply *reply, HelperCertMade *madeOut)
{
    HelperCertText label;
    HelperCertCursor body;

    if (reply->result != HELPER_OK)
        return "it is not OK";
    const char *wrong = helperCertFindBody(reply, &body);
    if (wrong)
        return wrong;
    if (!helperCertTakePem(&body, &madeOut->cert, &label) ||
        !helperCertIsText(&label, "CERTIFICATE"))
        return "it does not begin with a certificate";
    if (!helperCertTakePem(&body, &madeOut->key, &label) ||
        !helperCertEndsWith(&label, "PRIVATE KEY"))
        return "there is no key after the certificate";
    return body.at < body.end ? "there is more than a certificate and its key"
                              : NULL;
}

int
helperCertParseMade(const HelperReply *reply, HelperCertMade *madeOut,
                    const char **whyOut)
{
    HelperCertMade made;
    const char *wrong = readMade(reply, &made);

    if (wrong) {
        *whyOut = wrong;
        return -EBADMSG;
    }
    *madeOut = made;
    return 0;
}
