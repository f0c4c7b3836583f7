/* Fields that operators let through, replace or add. DEBUG: section 33 */
#include <errno.h>
#include <string.h>

#include "check.h"
#include "debug.h"
#include "proxy_priv.h"

#define VALUE_MAX 8192

static bool
isAllowed(const AclRules *rules, const AclInput *input)
{
    return aclRulesCheck(rules, input) == ACL_ALLOW;
}

/* What stands for a field that no line names. */
static const ConfigHeaderAccess *
generalFor(const ConfigHeaderRules *rules, const HttpField *field)
{
    const ConfigHeaderAccess *general = NULL;

    for (size_t i = 0; i < rules->accessCount; i++) {
        const ConfigHeaderAccess *access = &rules->access[i];

        if (access->rules == NULL)
            continue;
        if (access->scope == CONFIG_HEADER_ONE &&
            httpSliceEqualNoCase(httpFieldName(field),
                                 httpSliceText(access->name)))
            return NULL;
        if (access->scope == CONFIG_HEADER_OTHER &&
            field->id == HTTP_HEADER_OTHER)
            general = access;
        if (access->scope == CONFIG_HEADER_ALL && general == NULL)
            general = access;
    }
    return general;
}

/* The first field that the lines about all do not let through, or NULL. */
static const HttpField *
findDenied(const ConfigHeaderRules *rules, const AclInput *input,
           const HttpHeaders *headers)
{
    const HttpField *field = NULL;

    while ((field = httpHeaderNext(headers, field)) != NULL) {
        const ConfigHeaderAccess *access =
            configHeaderIsFixed(field->id) ? NULL : generalFor(rules, field);

        if (access != NULL && !isAllowed(access->rules, input))
            return field;
    }
    return NULL;
}

static void
judgeNamed(const ConfigHeaderAccess *access, const AclInput *input,
           HttpHeaders *headers)
{
    HttpSlice name = httpSliceText(access->name);

    if (access->rules == NULL || access->scope != CONFIG_HEADER_ONE ||
        httpHeaderGetName(headers, name).data == NULL ||
        isAllowed(access->rules, input))
        return;
    httpHeaderRemoveName(headers, name);
    if (access->replacement != NULL)
        httpHeaderAdd(headers, name, httpSliceText(access->replacement));
}

static void
addField(const ConfigHeaderAdd *add, const FormatInput *facts,
         HttpHeaders *headers)
{
    char value[VALUE_MAX];
    HttpSlice text = httpSliceText(add->text);

    if (add->format != NULL) {
        ssize_t len = formatExpand(add->format, facts, value, sizeof(value));

        if (len < 0) {
            debug(DBG_CLIENT, 2, "%s is not added: its value cannot be sent",
                  add->name);
            return;
        }
        text = httpSlice(value, (size_t)len);
    }
    httpHeaderAdd(headers, httpSliceText(add->name), httpSliceTrim(text));
}

static void
change(const ConfigHeaderRules *rules, const AclInput *input,
       const FormatInput *facts, HttpHeaders *headers)
{
    const HttpField *field;

    for (size_t i = 0; i < rules->accessCount; i++)
        judgeNamed(&rules->access[i], input, headers);
    while ((field = findDenied(rules, input, headers)) != NULL)
        httpHeaderRemoveName(headers, httpFieldName(field));
    for (size_t i = 0; i < rules->addCount; i++)
        if (rules->adds[i].rules == NULL ||
            isAllowed(rules->adds[i].rules, input))
            addField(&rules->adds[i], facts, headers);
}

static bool
isEmpty(const ConfigHeaderRules *rules)
{
    return rules->accessCount + rules->addCount == 0;
}

void
proxyHeaderChangeRequest(const ProxyRequest *request, HttpHeaders *headers)
{
    const ConfigHeaderRules *rules = &request->config->requestHeaders;

    if (isEmpty(rules))
        return;
    AclInput input = proxyStepInput(request);
    FormatInput facts = proxyStepFacts(request);
    change(rules, &input, &facts, headers);
}

void
proxyHeaderChangeReply(const ProxyRequest *request, HttpHeaders *headers)
{
    const ConfigHeaderRules *rules = &request->config->replyHeaders;

    if (isEmpty(rules))
        return;
    AclInput input = proxyStepReplyInput(request, &request->replyHeaders);
    FormatInput facts = proxyStepFacts(request);
    facts.response = &request->replyHeaders;
    change(rules, &input, &facts, headers);
}

bool
proxyHeaderIsReplyChanged(const ProxyRequest *request)
{
    return !isEmpty(&request->config->replyHeaders);
}

int
proxyHeaderChangeHead(const ProxyRequest *request, HttpSlice head, Buf *out)
{
    const char *lf = memchr(head.data, '\n', head.len);
    HttpResponse response;
    int rc = -EINVAL;

    if (isEmpty(&request->config->replyHeaders) || lf == NULL)
        return bufAppend(out, head.data, head.len);
    size_t skip = (size_t)(lf + 1 - head.data);
    httpResponseInit(&response, HTTP_HEADER_TEXT_MAX * 2);
    if (httpResponseParse(&response, request->reply.status,
                          httpSlice(lf + 1, head.len - skip)) ==
        HTTP_PARSE_ERROR_NONE) {
        proxyHeaderChangeReply(request, &response.headers);
        rc = httpResponseFormatHead(&response, out);
    }
    httpResponseFini(&response);
    return rc;
}
