/*
 * manager.h: the manager ports: what the proxy and its helpers do, as a page
 * (/), as JSON (/helpers, /latencies, /info, /peers, /pinger), for Prometheus
 * (/metrics), as text under Squid's names (/squid-internal-mgr/menu), and as it
 * happens (/events, with all figures every second by ?samples=1). / and
 * /metrics are JSON for whom Accept says so. Commands (POST /reconfigure,
 * /rotate, /shutdown); /demo is a small page that may be cached, to try the
 * proxy with.
 *
 * One request for each connection. A Host that is neither an address nor
 * localhost nor visible_hostname is refused, so that no web page elsewhere can
 * read it by a name of its own. manager_auth may want a name and a password,
 * but not at a unix socket. Commands are for who may write to a manager_port
 * that is a unix socket, and for this machine with the field "X-Squire: 1",
 * which a web page cannot send here. Thread: loop.
 */
#ifndef SQUIRE_MANAGER_H
#define SQUIRE_MANAGER_H

#include "buf.h"
#include "proxy.h"

typedef struct Manager Manager;

typedef enum ManagerCommand {
    MANAGER_RECONFIGURE,
    MANAGER_ROTATE,
    MANAGER_SHUTDOWN,
    MANAGER_COMMAND_COUNT
} ManagerCommand;

/* Do what somebody asked for. Lines of text for them go to out, which is
 * borrowed. 0, or -errno when it did not work. */
typedef int ManagerCommandCb(ManagerCommand command, Buf *out, void *data);

typedef struct ManagerConfig {
    const Proxy *proxy; /* must live as long as the manager */
    ManagerCommandCb *command;
    void *data;
} ManagerConfig;

/* A manager without ports; config is copied. Returns owned. */
Manager *managerCreate(const ManagerConfig *config);

/*
 * Listen at these addresses ("127.0.0.1:3129", "/path") from now on, and no
 * longer at others; those that stay are not touched. Borrows all. 0, or the
 * last -errno, each failure told, with nothing changed.
 */
int managerListen(Manager *manager, const ConfigPort *lines, size_t count,
                  ProxyComplainCb *complain, void *data);

/* Go on with this configuration, which is kept by reference: whose requests
 * are answered, and to which name. Ports are managerListen's business. */
void managerConfigure(Manager *manager, Config *config);

/* A ProxyReportCb, data being the Manager: write a document under a name that
 * Squid's have, as plain text, or carry out a command soon. */
int managerReport(const Report *report, Buf *out, void *data);

/* The debug log has another name: see authRotate. */
void managerRotate(Manager *manager);

/* Close the ports and their connections. Clears *manager; NULL inside is
 * accepted. */
void managerDestroy(Manager **manager);

#endif
