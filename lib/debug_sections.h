/*
 * debug_sections.h: every debug section once: number, name, what it covers.
 * Numbers are Squid's where Squid has the section.
 */
#ifndef SQUIRE_DEBUG_SECTIONS_H
#define SQUIRE_DEBUG_SECTIONS_H

#define DEBUG_SECTION_MAX 100

#define DEBUG_SECTIONS(X)                                               \
    X(0, MISC, "start, stop, and what has no other section")            \
    X(1, MAIN, "main program and start-up")                             \
    X(3, CONFIG, "configuration file")                                  \
    X(5, COMM, "comm loop and listener")                                \
    X(11, HTTP, "HTTP requests to origins")                             \
    X(15, PEER, "parents")                                              \
    X(16, MANAGER, "manager port")                                      \
    X(17, FORWARD, "request forwarding")                                \
    X(20, STORE, "cache store")                                         \
    X(22, FRESHNESS, "freshness")                                       \
    X(26, TUNNEL, "CONNECT tunnels")                                    \
    X(28, ACL, "access control")                                        \
    X(29, AUTH, "authentication of users")                              \
    X(33, CLIENT, "client connections")                                 \
    X(37, PINGER, "distances of origins")                               \
    X(46, ACCESS_LOG, "access log")                                     \
    X(54, IPC, "starting helpers")                                      \
    X(61, REDIRECT, "URL rewriting")                                    \
    X(83, TLS, "TLS")                                                   \
    X(84, HELPER, "helper pools")                                        \
    X(85, MUX, "squire-mux")

enum DebugSection {
#define X(number, name, text) DBG_##name = number,
    DEBUG_SECTIONS(X)
#undef X
};

#endif
