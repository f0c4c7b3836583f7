/*
 * report.h: the manager's documents under the names that Squid's have: which
 * one a request asks for. Pure; thread: any.
 */
#ifndef SQUIRE_REPORT_H
#define SQUIRE_REPORT_H

#include "auth_header.h"
#include "config.h"
#include "http_header.h"

typedef struct Report {
    HttpSlice name;
    HttpSlice password; /* absent: none was given */
    const Config *config;
    AuthBasic basic; /* where password may be */
} Report;

/* What follows "/squid-internal-mgr/" in a target, also with "http://HOST"
 * before it, or "cache_object://HOST/". Absent: it is none of them. Borrows. */
HttpSlice reportTarget(HttpSlice target);

/* That text, NAME[@PASSWORD][?...], and fields that may have a password of
 * Basic, whatever the user; config says who may have what. Borrows all. "menu"
 * without a name. Copy no such struct. */
void reportRead(HttpSlice text, const HttpHeaders *headers,
                const Config *config, Report *out);

/* True when Host, if there is one, is an address, localhost or hostname: any
 * other name may be under the control of whoever made the link. */
bool reportIsHostTrusted(const HttpHeaders *headers, const char *hostname);

/* True when cachemgr_passwd lets it be had; a command (isCommand) only with
 * a line for it. */
bool reportIsAllowed(const Report *report, bool isCommand);

/* How the name of a document stands in the menu: "public", "protected",
 * "disabled" or, for a command without a line, "hidden"; constant. */
const char *reportProtection(const Config *config, HttpSlice name,
                             bool isCommand);

#endif
