/* format_code.c: the table of codes: what each shows of a request. */
#include "format_priv.h"

#include <stdio.h>
#include <string.h>

#include "tls.h"

#define CERT_TEXT_MAX 4096

static void
setText(FormatValue *value, const char *text)
{
    value->slice = httpSliceText(text);
}

static void
setAddress(FormatValue *value, const struct sockaddr *addr)
{
    value->slice = httpSlice(value->text, addressFormat(addr, value->text));
}

static void
setNumber(FormatValue *value, unsigned number)
{
    int len = snprintf(value->text, sizeof(value->text), "%u", number);

    if (number != 0)
        value->slice = httpSlice(value->text, (size_t)len);
}

static void
getClientAddress(const FormatInput *input, const FormatToken *token,
                 FormatValue *value)
{
    (void)token;
    setAddress(value, input->client);
}

static void
getClientName(const FormatInput *input, const FormatToken *token,
              FormatValue *value)
{
    (void)token;
    setText(value, input->clientName);
}

static void
getClientPort(const FormatInput *input, const FormatToken *token,
              FormatValue *value)
{
    (void)token;
    setNumber(value, addressPort(input->client));
}

static void
getLocalAddress(const FormatInput *input, const FormatToken *token,
                FormatValue *value)
{
    (void)token;
    setAddress(value, input->local);
}

static void
getLocalPort(const FormatInput *input, const FormatToken *token,
             FormatValue *value)
{
    (void)token;
    setNumber(value, addressPort(input->local));
}

/* Whoever is known, the surest first. */
static void
getAnyUser(const FormatInput *input, const FormatToken *token,
           FormatValue *value)
{
    (void)token;
    setText(value, input->user != NULL ? input->user : input->extUser);
}

static void
getUser(const FormatInput *input, const FormatToken *token, FormatValue *value)
{
    (void)token;
    setText(value, input->user);
}

static void
getExtUser(const FormatInput *input, const FormatToken *token,
           FormatValue *value)
{
    (void)token;
    setText(value, input->extUser);
}

static void
getExtLog(const FormatInput *input, const FormatToken *token,
          FormatValue *value)
{
    (void)token;
    setText(value, input->extLog);
}

static void
getExtTag(const FormatInput *input, const FormatToken *token,
          FormatValue *value)
{
    (void)token;
    setText(value, input->extTag);
}

static void
getMethod(const FormatInput *input, const FormatToken *token,
          FormatValue *value)
{
    (void)token;
    value->slice = input->method;
}

static void
getUrl(const FormatInput *input, const FormatToken *token, FormatValue *value)
{
    const HttpSlice url = input->url.url;
    bool isStripped = input->log != NULL && input->log->stripQuery;
    const char *mark =
        isStripped && url.len > 0 ? memchr(url.data, '?', url.len) : NULL;

    (void)token;
    value->slice = url;
    if (mark != NULL)
        value->slice.len = (size_t)(mark + 1 - url.data);
}

static void
getPath(const FormatInput *input, const FormatToken *token, FormatValue *value)
{
    (void)token;
    value->slice = input->url.path;
}

static void
getNewScheme(const FormatInput *input, const FormatToken *token,
             FormatValue *value)
{
    (void)token;
    setText(value, input->url.scheme);
}

static void
getNewHost(const FormatInput *input, const FormatToken *token,
           FormatValue *value)
{
    (void)token;
    value->slice = input->url.host;
}

static void
getNewPort(const FormatInput *input, const FormatToken *token,
           FormatValue *value)
{
    (void)token;
    setNumber(value, input->url.port);
}

/* What the client has asked for. */
static const FormatUrl *
clientUrl(const FormatInput *input)
{
    return input->clientUrl != NULL ? input->clientUrl : &input->url;
}

static void
getClientUrl(const FormatInput *input, const FormatToken *token,
             FormatValue *value)
{
    (void)token;
    value->slice = clientUrl(input)->url;
}

static void
getScheme(const FormatInput *input, const FormatToken *token,
          FormatValue *value)
{
    (void)token;
    setText(value, clientUrl(input)->scheme);
}

static void
getHost(const FormatInput *input, const FormatToken *token, FormatValue *value)
{
    (void)token;
    value->slice = clientUrl(input)->host;
}

static void
getPort(const FormatInput *input, const FormatToken *token, FormatValue *value)
{
    (void)token;
    setNumber(value, clientUrl(input)->port);
}

static void
getClientPath(const FormatInput *input, const FormatToken *token,
              FormatValue *value)
{
    (void)token;
    value->slice = clientUrl(input)->path;
}

static void
getAclName(const FormatInput *input, const FormatToken *token,
           FormatValue *value)
{
    (void)token;
    setText(value, input->aclName);
}

static void
getData(const FormatInput *input, const FormatToken *token, FormatValue *value)
{
    (void)token;
    value->slice = input->data;
}

static void
getPercent(const FormatInput *input, const FormatToken *token,
           FormatValue *value)
{
    (void)input;
    (void)token;
    setText(value, "%");
}

/* The octets up to the separator; those in quotes do not separate. */
static size_t
itemLen(HttpSlice list, char separator)
{
    bool isQuoted = false;
    size_t i;

    for (i = 0; i < list.len; i++) {
        if (list.data[i] == '"')
            isQuoted = !isQuoted;
        else if (isQuoted && list.data[i] == '\\' && i + 1 < list.len)
            i++;
        else if (!isQuoted && list.data[i] == separator)
            break;
    }
    return i;
}

/* The value of `member=value` in a list. */
static HttpSlice
memberOf(HttpSlice list, const char *member, char separator)
{
    size_t nameLen = strlen(member);

    while (list.len > 0) {
        size_t len = itemLen(list, separator);
        HttpSlice item = httpSliceTrim(httpSlice(list.data, len));

        if (item.len > nameLen && item.data[nameLen] == '=' &&
            strncasecmp(item.data, member, nameLen) == 0)
            return httpSlice(item.data + nameLen + 1, item.len - nameLen - 1);
        len += len < list.len;
        list = httpSlice(list.data + len, list.len - len);
    }
    return httpSlice(NULL, 0);
}

/* One value is shown where it is; several are joined as a list. */
static void
addToList(FormatValue *value, HttpSlice item)
{
    Buf *joined = &value->joined;

    if (value->slice.data == NULL) {
        value->slice = item;
        return;
    }
    if (bufLen(joined) == 0)
        bufAppend(joined, value->slice.data, value->slice.len);
    bufPrintf(joined, ", %.*s", HTTP_SLICE_ARG(item));
    value->slice = httpSlice(bufData(joined), bufLen(joined));
}

/* All fields, as lines. */
static void
getFields(const HttpHeaders *headers, FormatValue *value)
{
    if (headers == NULL || httpHeaderFormat(headers, &value->joined) < 0)
        return;
    value->slice = httpSlice(bufData(&value->joined), bufLen(&value->joined));
}

static void
getField(const HttpHeaders *headers, const FormatToken *token,
         FormatValue *value)
{
    const HttpField *field = NULL;

    if (token->text == NULL) {
        getFields(headers, value);
        return;
    }
    HttpSlice name = httpSliceText(token->text);

    while (headers != NULL && (field = httpHeaderNext(headers, field)) != NULL)
        if (httpSliceEqualNoCase(httpFieldName(field), name))
            addToList(value, httpFieldValue(field));
    if (token->member != NULL && value->slice.data != NULL)
        value->slice = memberOf(value->slice, token->member, token->separator);
}

static void
getRequestField(const FormatInput *input, const FormatToken *token,
                FormatValue *value)
{
    getField(input->request, token, value);
}

static void
getResponseField(const FormatInput *input, const FormatToken *token,
                 FormatValue *value)
{
    getField(input->response, token, value);
}

static void
addNotes(const NoteList *notes, const char *name, FormatValue *value)
{
    for (size_t i = 0; notes != NULL && i < notes->count; i++)
        if (strcmp(notes->notes[i].name, name) == 0)
            addToList(value, httpSliceText(notes->notes[i].value));
}

/* "name: value" of all, for %note without a name. */
static void
addAllNotes(const NoteList *notes, FormatValue *value)
{
    for (size_t i = 0; notes != NULL && i < notes->count; i++)
        bufPrintf(&value->joined, "%s%s: %s",
                  bufLen(&value->joined) > 0 ? "\r\n" : "",
                  notes->notes[i].name, notes->notes[i].value);
    value->slice = httpSlice(bufData(&value->joined), bufLen(&value->joined));
}

static void
getNote(const FormatInput *input, const FormatToken *token, FormatValue *value)
{
    if (token->text == NULL) {
        addAllNotes(input->clientNotes, value);
        addAllNotes(input->notes, value);
        return;
    }
    addNotes(input->clientNotes, token->text, value);
    addNotes(input->notes, token->text, value);
}

static bool
getTls(const FormatInput *input, TlsInfo *info)
{
    if (input->tls == NULL)
        return false;
    tlsStreamInfo(input->tls, info);
    return true;
}

static void
getTlsName(const FormatInput *input, const FormatToken *token,
           FormatValue *value)
{
    TlsInfo info;

    (void)token;
    if (getTls(input, &info))
        setText(value, info.serverName);
}

static void
getTlsVersion(const FormatInput *input, const FormatToken *token,
              FormatValue *value)
{
    TlsInfo info;

    (void)token;
    if (getTls(input, &info))
        setText(value, info.version);
}

static void
getTlsCipher(const FormatInput *input, const FormatToken *token,
             FormatValue *value)
{
    TlsInfo info;

    (void)token;
    if (getTls(input, &info))
        setText(value, info.cipher);
}

/* A field of the client's certificate: that of token, or the whole name. */
static void
putCert(const FormatInput *input, bool isIssuer, const char *field,
        FormatValue *value)
{
    char text[CERT_TEXT_MAX];

    if (input->tls == NULL || !tlsStreamPeerField(input->tls, isIssuer, field,
                                                  text, sizeof(text)))
        return;
    bufPrintf(&value->joined, "%s", text);
    value->slice = httpSlice(bufData(&value->joined), bufLen(&value->joined));
}

static void
getCertSubject(const FormatInput *input, const FormatToken *token,
               FormatValue *value)
{
    putCert(input, false, token->text != NULL ? token->text : "DN", value);
}

static void
getCertIssuer(const FormatInput *input, const FormatToken *token,
              FormatValue *value)
{
    putCert(input, true, token->text != NULL ? token->text : "DN", value);
}

/* Nobody runs an identd any more, but formats have its code. */
static void
getNothing(const FormatInput *input, const FormatToken *token,
           FormatValue *value)
{
    (void)input;
    (void)token;
    (void)value;
}

/* The upper-case names are those of external_acl_type of old. */
static const FormatCode codes[] = {
    {"%", getPercent, FORMAT_CODE_ESCAPED, "a percent sign"},
    {">a", getClientAddress, 0, "address of the client"},
    {">p", getClientPort, 0, "its port"},
    {">A", getClientName, FORMAT_CODE_FREE,
     "its name, if an acl of kind srcdomain has looked it up"},
    {">eui", NULL, 0, NULL},
    {"la", getLocalAddress, 0, "address the client has connected to"},
    {"lp", getLocalPort, 0, "port of that"},
    {">la", getLocalAddress, 0, NULL},
    {">lp", getLocalPort, 0, NULL},
    {"un", getAnyUser, FORMAT_CODE_FREE, "user, as %ul or %ue"},
    {"ul", getUser, FORMAT_CODE_FREE, "user of the credentials"},
    {"ui", getNothing, 0, NULL},
    {"us", NULL, 0, NULL},
    {"ue", getExtUser, FORMAT_CODE_FREE, "user that an external acl named"},
    {"ea", getExtLog, FORMAT_CODE_FREE, "log= of an external acl"},
    {"et", getExtTag, FORMAT_CODE_FREE, "tag= of an external acl"},
    {"credentials", NULL, 0, NULL},
    {">rm", getMethod, FORMAT_CODE_FREE, "method"},
    {">ru", getClientUrl, FORMAT_CODE_FREE,
     "URL that the client has asked for; of CONNECT, host and port"},
    {">rs", getScheme, 0, "its scheme"},
    {">rd", getHost, FORMAT_CODE_FREE, "its host"},
    {">rP", getPort, 0, "its port"},
    {">rp", getClientPath, FORMAT_CODE_FREE, "its path with the query"},
    {"rm", getMethod, FORMAT_CODE_FREE, NULL},
    {"<rm", getMethod, FORMAT_CODE_FREE, NULL},
    {"<ru", getUrl, FORMAT_CODE_FREE, NULL},
    {"<rs", getNewScheme, 0, NULL},
    {"<rd", getNewHost, FORMAT_CODE_FREE, NULL},
    {"<rP", getNewPort, 0, NULL},
    {"<rp", getPath, FORMAT_CODE_FREE, NULL},
    {"ru", getUrl, FORMAT_CODE_FREE, "URL, once it was rewritten the new one"},
    {"rp", getPath, FORMAT_CODE_FREE, "path of that with the query"},
    {">ha", getRequestField,
     FORMAT_CODE_FREE | FORMAT_CODE_ARG | FORMAT_CODE_ALL,
     "field {NAME} of the request; {NAME:MEMBER} the value of MEMBER= in its "
     "list, {NAME:;MEMBER} in one with that separator; in logs without a "
     "name, all fields"},
    {">h", getRequestField,
     FORMAT_CODE_FREE | FORMAT_CODE_ARG | FORMAT_CODE_ALL, NULL},
    {"<h", getResponseField,
     FORMAT_CODE_FREE | FORMAT_CODE_ARG | FORMAT_CODE_ALL,
     "the same of the answer"},
    {"note", getNote, FORMAT_CODE_FREE | FORMAT_CODE_ARG | FORMAT_CODE_ALL,
     "annotation {NAME}; in logs without a name, all"},
    {"ACL", getAclName, FORMAT_CODE_FREE,
     "name of the acl (external_acl_type)"},
    {"DATA", getData, FORMAT_CODE_ESCAPED,
     "words of the acl line (external_acl_type)"},
    {"ssl::>sni", getTlsName, FORMAT_CODE_FREE,
     "name that a client of an https_port asked for"},
    {"ssl::>negotiated_version", getTlsVersion, 0,
     "version of TLS of that connection"},
    {"ssl::>negotiated_cipher", getTlsCipher, 0, "its cipher"},
    {"ssl::>cert_subject", getCertSubject, FORMAT_CODE_FREE,
     "whom the client's certificate is for"},
    {"ssl::>cert_issuer", getCertIssuer, FORMAT_CODE_FREE,
     "who vouches for it"},
    {"ssl::", NULL, 0, NULL},
    {"LOGIN", getUser, FORMAT_CODE_FREE, NULL},
    {"SRC", getClientAddress, 0, NULL},
    {"SRCPORT", getClientPort, 0, NULL},
    {"SRCEUI48", NULL, 0, NULL},
    {"SRCEUI64", NULL, 0, NULL},
    {"URI", getClientUrl, FORMAT_CODE_FREE, NULL},
    {"DST", getHost, FORMAT_CODE_FREE, NULL},
    {"PROTO", getScheme, 0, NULL},
    {"PORT", getPort, 0, NULL},
    {"PATH", getClientPath, FORMAT_CODE_FREE, NULL},
    {"METHOD", getMethod, FORMAT_CODE_FREE, NULL},
    {"MYADDR", getLocalAddress, 0, NULL},
    {"MYPORT", getLocalPort, 0, NULL},
    {"EXT_USER", getExtUser, FORMAT_CODE_FREE, NULL},
    {"EXT_LOG", getExtLog, FORMAT_CODE_FREE, NULL},
    {"EXT_TAG", getExtTag, FORMAT_CODE_FREE, NULL},
    {"TAG", getExtTag, FORMAT_CODE_FREE, NULL},
    {"IDENT", NULL, 0, NULL},
    {"USER_CERT_", getCertSubject, FORMAT_CODE_FREE | FORMAT_CODE_TAIL, NULL},
    {"USER_CA_CERT_", getCertIssuer, FORMAT_CODE_FREE | FORMAT_CODE_TAIL,
     NULL},
    {"CA_CERT_", getCertIssuer, FORMAT_CODE_FREE | FORMAT_CODE_TAIL, NULL},
    {"USER_CERTCHAIN", NULL, 0, NULL},
    {"USER_CERT", NULL, 0, NULL},
    {"USER_CA_CERT", NULL, 0, NULL},
    {"CA_CERT", NULL, 0, NULL},
    {">", getRequestField,
     FORMAT_CODE_FREE | FORMAT_CODE_ARG | FORMAT_CODE_BRACE, NULL},
    {"<", getResponseField,
     FORMAT_CODE_FREE | FORMAT_CODE_ARG | FORMAT_CODE_BRACE, NULL},
};

#define CODE_COUNT (sizeof(codes) / sizeof(codes[0]))

/* The longest of rows that text begins with, if longer than best. */
static const FormatCode *
pickCode(const FormatCode *rows, size_t count, const char *text,
         const FormatCode *best)
{
    for (size_t i = 0; i < count; i++) {
        size_t len = strlen(rows[i].name);

        if ((best == NULL || len > strlen(best->name)) &&
            strncmp(text, rows[i].name, len) == 0 &&
            (!(rows[i].flags & FORMAT_CODE_BRACE) || text[len] == '{'))
            best = &rows[i];
    }
    return best;
}

const FormatCode *
formatCodeLookup(const char *text)
{
    const FormatCode *best = pickCode(codes, CODE_COUNT, text, NULL);

    return pickCode(formatLogCodes, formatLogCodeCount, text, best);
}

static void
printCodes(FILE *out, const FormatCode *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (rows[i].help != NULL)
            fprintf(out, ".TP\n.B %%%s\n%s.\n", rows[i].name, rows[i].help);
}

void
formatPrintCodes(FILE *out)
{
    printCodes(out, codes, CODE_COUNT);
    fputs(".PP\nIn logs also (helpers are told \\- for them):\n", out);
    printCodes(out, formatLogCodes, formatLogCodeCount);
}
