/* acl_header.c: fields of the request and of the answer, by patterns. */
#include "acl_priv.h"

#include <stdlib.h>
#include <string.h>

#include "xalloc.h"

/* req_header, rep_header: NAME PATTERN... */
typedef struct HeaderSet {
    char *name;
    AclRegexSet *patterns;
} HeaderSet;

static void *
createHeaderSet(void)
{
    HeaderSet *set = xcalloc(1, sizeof(*set));

    set->patterns = aclRegexSetCreate();
    return set;
}

static void
destroyHeaderSet(void *data)
{
    HeaderSet *set = data;

    aclRegexSetDestroy(set->patterns);
    free(set->name);
    free(set);
}

static void
freezeHeaderSet(void *data)
{
    const HeaderSet *set = data;

    aclRegexSetFreeze(set->patterns);
}

/* The first word of the first line is the name; on further lines it may be
 * there again. */
static void
addHeader(void *data, const char *value, unsigned flags, AclReport *report)
{
    HeaderSet *set = data;

    if (!set->name && !httpIsToken(httpSliceText(value)))
        aclReportError(report, "acl %s: \"%s\": expected the name of a field",
                       report->name, value);
    else if (!set->name)
        set->name = xstrdup(value);
    else if (strcasecmp(set->name, value) != 0)
        aclRegexSetAdd(set->patterns, value, flags, report);
}

/* Each of several fields with one name stands for itself. */
static AclMatch
matchField(const HeaderSet *set, const HttpHeaders *headers)
{
    HttpSlice name = httpSliceText(set->name);
    const HttpField *field = NULL;

    while (headers && (field = httpHeaderNext(headers, field)) != NULL)
        if (httpSliceEqualNoCase(httpFieldName(field), name) &&
            aclRegexSetMatch(set->patterns, httpFieldValue(field)) ==
                ACL_MATCH_YES)
            return ACL_MATCH_YES;
    return ACL_MATCH_NO;
}

static AclMatch
matchReqHeader(const void *data, const AclInput *input)
{
    return matchField(data, input->request);
}

static AclMatch
matchRepHeader(const void *data, const AclInput *input)
{
    return matchField(data, input->response);
}

static AclMatch
matchKnown(const AclRegexSet *set, const HttpHeaders *headers, HttpHeaderId id)
{
    return headers ? aclRegexSetMatch(set, httpHeaderGet(headers, id))
                   : ACL_MATCH_NO;
}

static AclMatch
matchBrowser(const void *data, const AclInput *input)
{
    return matchKnown(data, input->request, HTTP_HEADER_USER_AGENT);
}

static AclMatch
matchReferer(const void *data, const AclInput *input)
{
    return matchKnown(data, input->request, HTTP_HEADER_REFERER);
}

/* A message without a type has the empty one. */
static AclMatch
matchType(const AclRegexSet *set, const HttpHeaders *headers)
{
    HttpSlice type = httpSlice(NULL, 0);

    if (!headers)
        return ACL_MATCH_NO;
    type = httpHeaderGet(headers, HTTP_HEADER_CONTENT_TYPE);
    return aclRegexSetMatch(set, type.data ? type : httpSliceText(""));
}

static AclMatch
matchReqMimeType(const void *data, const AclInput *input)
{
    return matchType(data, input->request);
}

static AclMatch
matchRepMimeType(const void *data, const AclInput *input)
{
    return matchType(data, input->response);
}

const AclKindOps aclKindReqHeader = {
    .name = "req_header",
    .create = createHeaderSet,
    .destroy = destroyHeaderSet,
    .add = addHeader,
    .freeze = freezeHeaderSet,
    .match = matchReqHeader,
};

const AclKindOps aclKindRepHeader = {
    .name = "rep_header",
    .isReply = true,
    .create = createHeaderSet,
    .destroy = destroyHeaderSet,
    .add = addHeader,
    .freeze = freezeHeaderSet,
    .match = matchRepHeader,
};

const AclKindOps aclKindBrowser = {
    .name = "browser",
    .create = aclRegexSetCreate,
    .destroy = aclRegexSetDestroy,
    .add = aclRegexSetAdd,
    .freeze = aclRegexSetFreeze,
    .match = matchBrowser,
};

const AclKindOps aclKindRefererRegex = {
    .name = "referer_regex",
    .create = aclRegexSetCreate,
    .destroy = aclRegexSetDestroy,
    .add = aclRegexSetAdd,
    .freeze = aclRegexSetFreeze,
    .match = matchReferer,
};

const AclKindOps aclKindReqMimeType = {
    .name = "req_mime_type",
    .create = aclRegexSetCreate,
    .destroy = aclRegexSetDestroy,
    .add = aclRegexSetAdd,
    .freeze = aclRegexSetFreeze,
    .match = matchReqMimeType,
};

const AclKindOps aclKindRepMimeType = {
    .name = "rep_mime_type",
    .isReply = true,
    .create = aclRegexSetCreate,
    .destroy = aclRegexSetDestroy,
    .add = aclRegexSetAdd,
    .freeze = aclRegexSetFreeze,
    .match = matchRepMimeType,
};
