/*
 * manager_priv.h: what the files of the manager share: manager.c has ports
 * and connections, manager_route.c what may be asked for and by whom, the
 * others write documents. Thread: loop.
 */
#ifndef SQUIRE_MANAGER_PRIV_H
#define SQUIRE_MANAGER_PRIV_H

#include "auth.h"
#include "helper.h"
#include "http_parse.h"
#include "list.h"
#include "manager.h"
#include "manager_history.h"

#define MANAGER_CONN_MAGIC 0x3a9a6e02u
#define MANAGER_DOCUMENT_MAX (16 * 1024 * 1024)
#define COMMAND_TEXT_MAX (256 * 1024)

typedef struct ManagerConn {
    uint32_t magic;
    ListNode node;
    Manager *manager;
    int fd;
    bool isUnix;  /* came by a unix socket */
    HttpParser *parser;
    Buf out;
    struct ManagerStream *stream; /* NULL: the answer has an end */
    struct sockaddr_storage peer;
    AuthCheck auth; /* of its request's credentials */
} ManagerConn;

/* What the connection's manager was made with; borrowed. */
const ManagerConfig *managerConnConfig(const ManagerConn *conn);

/* Write conn->out, then close. May close at once. */
void managerConnSend(ManagerConn *conn);

/* Close now. */
void managerConnClose(ManagerConn *conn);

/* What decides who may use the manager, or NULL: all whom it reaches; borrowed
 * until the loop's turn is over. */
Auth *managerConnAuth(const ManagerConn *conn);

/* The proxy's own name, visible_hostname; borrowed likewise. */
const char *managerConnHostname(const ManagerConn *conn);

/* Answer the request that conn->parser has, unless its credentials are wrong
 * or missing. May close at once. */
void managerLoginAnswer(ManagerConn *conn);

/* Answer it. May close at once. */
void managerRouteAnswer(ManagerConn *conn);

/* Answer with a status, header fields (each with CR LF) and a reason ("":
 * the usual one). May close at once. */
void managerRouteRefuse(ManagerConn *conn, int status, const char *fields,
                        const char *why);

/* The value of name in the query of a request's target, decoded; false when
 * there is none, or no room for it. */
bool managerQueryGet(HttpSlice target, const char *name, char *out,
                     size_t size);

/* Answer by the stream of what a pool asks and is told. May close at once. */
void managerTapOpen(ManagerConn *conn);

/* What happens to helpers, the proxy's last minutes, and whoever watches. */
typedef struct ManagerEvents ManagerEvents;

/* Note what happens from now on. The proxy must live as long. Returns owned. */
ManagerEvents *managerEventsCreate(const Proxy *proxy);

/* Nobody may watch any more. Clears *events; NULL inside is accepted. */
void managerEventsDestroy(ManagerEvents **events);

/* Those of the connection's manager; borrowed. */
ManagerEvents *managerConnEvents(const ManagerConn *conn);

/* Answer by the stream of what happens to helpers. May close at once. */
void managerEventsOpen(ManagerConn *conn);

/* True when the other end is a descriptor of our own: a client of the proxy
 * reaches us through it, and would seem to be where the proxy is. */
bool managerGuardIsOurs(const ManagerConn *conn);

/* NULL when whoever is at the other end may command and listen in, else why
 * not; constant. */
const char *managerGuardRefusal(const ManagerConn *conn);

/* What documents under Squid's names are about; all borrowed. */
typedef struct ManagerView {
    const Proxy *proxy;
    const Config *config; /* that of the request */
    const ManagerHistory *history;
} ManagerView;

/* Write the document of that name. 0 or -ENOBUFS. */
int managerReportInfo(Buf *out, const ManagerView *view);
int managerReportCounters(Buf *out, const ManagerView *view);
int managerReport5min(Buf *out, const ManagerView *view);
int managerReport60min(Buf *out, const ManagerView *view);
int managerReportServiceTimes(Buf *out, const ManagerView *view);
int managerReportStoredir(Buf *out, const ManagerView *view);
int managerReportMem(Buf *out, const ManagerView *view);
int managerReportIdns(Buf *out, const ManagerView *view);
int managerReportClients(Buf *out, const ManagerView *view);
int managerReportActive(Buf *out, const ManagerView *view);
int managerReportPeers(Buf *out, const ManagerView *view);

/* What the figures were; borrowed. */
const ManagerHistory *managerHistory(const Manager *manager);

/* Carry out a command at the end of the loop's turn. */
void managerCommandLater(Manager *manager, ManagerCommand command);

/* What it is about; borrowed. */
const Proxy *managerProxy(const Manager *manager);

/* The configuration in force, or NULL; borrowed likewise. */
const Config *managerConnRules(const ManagerConn *conn);

/* The header fields by which a browser runs nothing but the page's own style
 * and script, and asks nobody but us; constant. */
const char *managerPagePolicy(void);

/* The live page: appends it to out; 0 or -ENOBUFS. */
int managerWritePage(Buf *out, const Proxy *proxy);

/* A small page to try the proxy with. 0 or -ENOBUFS. */
int managerWriteDemo(Buf *out, const Proxy *proxy);

/* The array of pools, as JSON. 0 or -ENOBUFS. */
int managerWriteHelpers(Buf *out, const Proxy *proxy);

/* The members of a pool's object but its processes, each with a comma. */
void managerPutPool(Buf *out, const HelperPool *pool);

/* How often each pool had which latencies so far, as JSON: what is there
 * between two looks is their difference. 0 or -ENOBUFS. */
int managerWriteLatencies(Buf *out, const Proxy *proxy);

/* Round trips to addresses, the one used last first, as JSON. 0 or -ENOBUFS. */
int managerWritePinger(Buf *out, const Proxy *proxy);

/* The parents, as JSON. 0 or -ENOBUFS. */
int managerWritePeers(Buf *out, const Proxy *proxy);

/* Figures of the proxy itself, as JSON. 0 or -ENOBUFS. */
int managerWriteInfo(Buf *out, const Proxy *proxy);

/* The figures of a sample (manager_sample.h) but its times, as JSON. 0 or
 * -ENOBUFS. */
int managerWriteFigures(Buf *out, const Proxy *proxy);

/* A page of the list of stored responses, as JSON: from= (a page's "next") and
 * prefix= in the target's query. 0, -EINVAL or -ENOBUFS. */
int managerCacheList(Buf *out, const Proxy *proxy, HttpSlice target);

/* All that is stored of a URL (url= in the target's query), as JSON. 0,
 * -EINVAL or -ENOBUFS. */
int managerCacheObject(Buf *out, const Proxy *proxy, HttpSlice target);

/* Remove it; how many there were, as JSON. 0, -EINVAL or -ENOBUFS. */
int managerCachePurge(Buf *out, const Proxy *proxy, HttpSlice target);

/* All figures in Prometheus' text format. 0 or -ENOBUFS. */
int managerWriteMetrics(Buf *out, const Proxy *proxy);

#endif
