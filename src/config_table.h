/*
 * config_table.h: every directive once:
 * X(name, kind, field of Config, default, syntax, help).
 * The manual squire.conf(5) and `squire -k parse` are made of this table.
 * A default of NULL means: not set. Help is plain text; "\n\n" ends a
 * paragraph.
 */
#ifndef SQUIRE_CONFIG_TABLE_H
#define SQUIRE_CONFIG_TABLE_H

#define CONFIG_TABLE(X)                                                        \
    X("http_port", Port, httpPorts, NULL, "[ADDR:]PORT [OPTION...]",           \
      "Where clients connect to the proxy. May be given several times; at "    \
      "least one is needed. name=NAME is what acls of kind myportname "        \
      "compare.\n\naccel: the port stands for web servers (cache_peer "        \
      "originserver): requests are for paths, whose URLs have the Host that "  \
      "the client sends; CDN-Cache-Control is for this cache. "                \
      "defaultsite=HOST[:PORT]: for requests without a Host, with no-vhost "   \
      "for all. vport=PORT: the port of all URLs; else as Host says. "         \
      "protocol=http|https: their scheme. allow-direct: hosts are also "       \
      "connected to themselves; else only a cache_peer is asked.")             \
    X("https_port", HttpsPort, httpPorts, NULL,                                \
      "[ADDR:]PORT cert=FILE [key=FILE] [OPTION...]",                          \
      "Where clients connect to the proxy by TLS (1.2 and 1.3), as browsers "  \
      "do that are told of an HTTPS proxy, and curl --proxy https://... May "  \
      "be given several times. cert= is a file of PEM with the certificate "   \
      "and those that vouch for it; key=, after it, has its key, if that is "  \
      "not in the same file. With several cert= the client's wish (SNI) "      \
      "decides, else it is the first. The files are read again by "            \
      "reconfigure; connections stay. A handshake may take request_timeout, "  \
      "at most 30 seconds. All names may begin with tls- or "       \
      "ssl, as Squid's do.\n\nOptions: those of http_port; "                   \
      "clientca=FILE: clients must "                                           \
      "show a certificate that these vouch for, with cafile=FILE and "         \
      "capath=FOLDER for more of them and crlfile=FILE for those revoked; "    \
      "flags=CONDITIONAL_AUTH: clients may show none; "                        \
      "flags=NO_SESSION_REUSE or options=NO_TICKET: sessions are not resumed; "\
      "context=TEXT: they are resumed within one; min-version=1.2|1.3; "       \
      "cipher=LIST (of TLS 1.2); http2: clients that want it get HTTP/2; each " \
      "request is logged as the HTTP/1.1 that it becomes.")                    \
    X("manager_port", Manager, managerPorts, NULL, "[ADDR:]PORT|/PATH|none",   \
      "Where the live page, /helpers and /metrics are served, and where "      \
      "squirectl(1) asks. Without ADDR it is 127.0.0.1: others see nothing; "  \
      "with an address that they reach they can read (see manager_auth). A "   \
      "path is a unix socket: whoever may write to it may command the proxy. " \
      "Over an address only this machine may. May be given several times.")    \
    X("manager_auth", ManagerAuth, managerAuth, NULL,                          \
      "basic|digest PARAMETER VALUE",                                          \
      "Who may use a manager_port that is an address; with a program, nobody " \
      "without a name and a password that it knows. The parameters are those " \
      "of auth_param; the realm is Squire manager unless it is set. Whoever "  \
      "may write to the socket of a manager_port that is a path needs no "     \
      "password.")                                                             \
    X("cachemgr_passwd", ManagerPassword, managerPasswords, NULL,              \
      "PASSWORD NAME...",                                                      \
      "Which of the documents under Squid's names (squire(8), MANAGER) "       \
      "want a password, at http_ports and at the manager_port: the first "     \
      "line that has NAME or all. PASSWORD may be none (no password is "       \
      "wanted) or disable (nobody gets it). It is sent by squidclient "        \
      "mgr:NAME@PASSWORD, or as that of any user (Basic). Without a line "     \
      "the commands shutdown, reconfigure and rotate are for nobody, and "     \
      "the rest is for all whom http_access lets have it.")                    \
    X("external_acl_type", External, externals, NULL,                          \
      "NAME [OPTION=VALUE...] [ipv4|ipv6] %CODE... PROGRAM [ARG...]",          \
      "A class of helpers that acls of kind external ask. They are told the "  \
      "codes (FORMAT CODES; also Squid's older names, as %SRC, %LOGIN, "       \
      "%DST, %URI, %>{Header}), then the words of the acl line, escaped as "   \
      "%XX (protocol=3.0 or quote=url, the default) or as shell words "        \
      "(protocol=2.5 or quote=shell); %DATA says where else they go. OK "      \
      "matches, ERR does not, with anything else the check is denied. An "     \
      "answer may have user=, log=, tag=, message= (shown when access is "     \
      "denied), clt_conn_tag=; all its pairs are annotations (acl note).\n\n"  \
      "Options: POOL OPTIONS, with children-max=5, ttl=3600, "                 \
      "negative_ttl= as ttl, cache=262144 and collapse=on unless given. The "  \
      "channel is a Unix socket, with ipv4 or ipv6 a TCP connection.")         \
    X("configuration_includes_quoted_values", Bool, quotedValues, "off",       \
      "on|off",                                                                \
      "Whether quoted values of the acl lines that follow are values "         \
      "rather than names of files; files are then written as "                 \
      "parameters(\"FILE\").")                                                 \
    X("acl", Acl, acls, NULL, "NAME KIND [-i] [-n] VALUE|\"FILE\"...",         \
      "Gives a name to a property of requests. Several values, also on "       \
      "several lines, mean: any of them. A quoted value, as "                  \
      "parameters(\"FILE\"), is a file with one value a line. Flags hold for " \
      "the values behind them: -i ignores "                                    \
      "case, +i does not, -n looks no names up (dst), -- ends "                \
      "them.\n\nKinds about addresses: src, dst, localip (addresses, "         \
      "ADDR/PREFIX, ADDR-ADDR, names of hosts, which are looked up when the "  \
      "configuration is read); srcdomain, dstdomain (host.example.com, "       \
      ".example.com for it and all below; that of a client is looked up, "     \
      "\"none\" where it has none); port, localport (80, 1025-65535); "        \
      "myportname; maxconn (N: the client's address has more "                 \
      "connections); max_user_ip ([-s] N: the user came from that many "       \
      "other addresses before, authenticate_ip_ttl; it is always as strict "   \
      "as with -s); connections_encrypted (by an https_port); user_cert, "     \
      "ca_cert (FIELD VALUE...: whom the client's certificate is for, or who " \
      "vouches for it; FIELD is CN, O, emailAddress ... or DN).\n\n"           \
      "About requests: method, proto; url_regex, "                             \
      "urlpath_regex, dstdom_regex, srcdom_regex, browser, referer_regex, "    \
      "urllogin (never matches: URLs with a user are refused), "               \
      "req_mime_type (patterns, POSIX extended; those of url_regex and "       \
      "urlpath_regex see %XX of a URL as the octet that it stands for, but "   \
      "%00 and what is no %XX as written); req_header (NAME "                  \
      "PATTERN...: some field NAME has it); proxy_auth, proxy_auth_regex, "    \
      "ext_user, ext_user_regex (users, or REQUIRED); external (CLASS "        \
      "WORD..., of external_acl_type); note ([-m] NAME VALUE...) and tag "     \
      "(what such helpers said).\n\nAbout answers, where there is one: "       \
      "http_status (404, 500-599), rep_header, rep_mime_type, hier_code "      \
      "(HIER_DIRECT ...), peername, peername_regex.\n\nOthers: time "          \
      "([SMTWHFA] [HH:MM-HH:MM]; D is Monday to Friday), random (0.25, "       \
      "1/4, 1:3), any-of and all-of ([!]ACL...: one of them, or all of a "     \
      "line).\n\nAlways there: all, localhost, to_localhost, to_linklocal, "   \
      "manager, CONNECT.")                                                     \
    X("http_access", Rules, httpAccess, NULL, "allow|deny [!]ACL...",          \
      "Who may do what. The first line whose acls all match decides; when "    \
      "none does, the opposite of the last line. Without any line everything " \
      "is denied.\n\nPURGE, which removes what is stored of its URL (200, or "  \
      "404 when there was nothing), is denied unless an acl of kind method "   \
      "is about it: acl purge method PURGE; http_access allow purge "          \
      "localhost; http_access deny purge.")                                    \
    X("adapted_http_access", Rules, adaptedAccess, NULL,                       \
      "allow|deny [!]ACL...",                                                  \
      "As http_access, but for what url_rewrite_program has made of the "      \
      "request; without any line all are allowed.")                            \
    X("http_reply_access", ReplyRules, httpReplyAccess, NULL,                  \
      "allow|deny [!]ACL...",                                                  \
      "Which answers clients get, also kept ones; without any line all. As "   \
      "http_access, but acls about the answer can be used, and what "          \
      "helpers would have to be asked for must be known from http_access.")    \
    X("reply_body_max_size", Limits, replyBodyMax, NULL,                      \
      "SIZE|none [[!]ACL...]",                                                 \
      "How large the body of an answer may be: the first line whose acls "     \
      "all match counts. A longer one is refused (403), or cut when its "      \
      "length was not known.")                                                 \
    X("cache", Rules, cache, NULL, "allow|deny [!]ACL...",                     \
      "Which requests the cache is for: others are neither answered from "     \
      "it nor are their answers kept; without any line it is for all.")        \
    X("send_hit", ReplyRules, sendHit, NULL, "allow|deny [!]ACL...",           \
      "Which kept answers are used; without any line all.")                    \
    X("store_miss", ReplyRules, storeMiss, NULL, "allow|deny [!]ACL...",       \
      "Which answers are kept; without any line all that may be.")             \
    X("miss_access", Rules, missAccess, NULL, "allow|deny [!]ACL...",          \
      "Whose requests are forwarded when the cache has no answer; without "    \
      "any line all are.")                                                     \
    X("cache_log", File, cacheLog, CONFIG_LOG_DIR "/debug.log", "FILE|none",   \
      "The debug log: what the proxy and its helpers have to say.")            \
    X("debug_options", Debug, debugOptions, "ALL,1",                           \
      "SECTION,LEVEL... [rotate=N]",                                           \
      "How much the debug log says: 0 only what is fatal, 1 what matters, "    \
      "up to 9. SECTION is a number or ALL. rotate= is logfile_rotate for "    \
      "this log.")                                                             \
    X("logformat", LogFormat, logFormats, NULL, "NAME TEXT",                   \
      "How lines of an access log look; TEXT, the rest of the line, has "      \
      "codes: FORMAT CODES. In \"...\" and [...] values are escaped for "      \
      "them; else octets that would end a word or a line are shown as %XX.")   \
    X("access_log", AccessLog, accessLogs, CONFIG_LOG_DIR "/access.log",       \
      "[stdio:|daemon:]FILE|syslog:FACILITY.PRIORITY|udp://HOST:PORT|"         \
      "tcp://HOST:PORT|none [FORMAT|OPTION=VALUE...] [ACL...]",                \
      "A line for each request whose acls all match (without acls: for "       \
      "each), in every log that there is. FORMAT, or logformat=FORMAT, is "    \
      "the name of a logformat or one of squid (the default), common, "        \
      "combined, referrer, useragent. Requests that match a line with "        \
      "none are in no log of the lines after it.\n\n"                          \
      "stdio:, the default: the proxy writes the file itself. daemon: it "     \
      "hands the lines to logfile_daemon. syslog: each line is a message "     \
      "to the system's log; with syslog alone it is daemon.info. udp: "        \
      "whole lines in packets. tcp: to who accepts the connection, which "     \
      "is tried again every second. Lines that cannot be sent wait in 64 "     \
      "KB; those that are lost are counted, in the debug log and in the "      \
      "manager's /info. Options: rotate=NUMBER, as logfile_rotate; "           \
      "on-error= and buffer-size= have no effect.")                            \
    X("useragent_log", FormatLog, accessLogs, NULL, "FILE|none",               \
      "The same as access_log FILE useragent.")                                \
    X("referer_log", FormatLog, accessLogs, NULL, "FILE|none",                 \
      "The same as access_log FILE referrer.")                                 \
    X("log_mime_hdrs", Bool, logMimeHdrs, "off", "on|off",                     \
      "Whether lines in the native format end in [the fields of the "          \
      "request] [those of the answer].")                                       \
    X("logfile_daemon", File, logfileDaemon, CONFIG_LIBEXEC_DIR "/log_file",   \
      "PROGRAM|none",                                                          \
      "The program that writes the logs of access_log daemon:, a process for " \
      "each; Squid's log_file_daemon works too. One that dies is started "     \
      "again and told what it had not written: by log_file, which "            \
      "acknowledges, a line may be written twice when it is killed in the "    \
      "middle of a write; by one that does not, those of the last 64 KB may. " \
      "Lines wait in 4 MB at most; those that are lost are counted, in the "   \
      "debug log and in the manager's /info.")                                 \
    X("logfile_rotate", Count, logfileRotate, "10", "NUMBER",                  \
      "How many old files of each log, also of cache_log, are kept when "      \
      "the logs are rotated (squire -k rotate): FILE.0 is the youngest. "      \
      "With 0 the files are opened anew and nothing else, for a "              \
      "logrotate(8) that renames them.")                                       \
    X("buffered_logs", Bool, bufferedLogs, "off", "on|off",                    \
      "Whether lines for a log daemon may wait for up to a second.")           \
    X("strip_query_terms", Bool, stripQueryTerms, "on", "on|off",              \
      "Whether the access log leaves out what follows the ? of a URL.")        \
    X("pid_filename", File, pidFilename, CONFIG_RUN_DIR "/squire.pid",         \
      "FILE|none", "The file by which squire -k finds the running proxy.")     \
    X("coredump_dir", File, coredumpDir, NULL, "DIR|none",                     \
      "The directory the proxy runs in, where core files are left.")           \
    X("max_filedescriptors", Descriptors, maxFiledescriptors, "0", "NUMBER",   \
      "How many descriptors the proxy may have; 0: as many as the system "     \
      "lets it. It is looked at when the proxy starts.")                       \
    X("umask", Umask, umask, NULL, "OCTAL",                                    \
      "Which rights files that are made do not have; otherwise as when the "   \
      "proxy was started.")                                                    \
    X("cache_effective_user", Text, effectiveUser, NULL, "USER",               \
      "Whom the proxy becomes after it has opened its ports as root.")         \
    X("cache_effective_group", Text, effectiveGroup, NULL, "GROUP",            \
      "The group with it; otherwise the user's own groups are taken.")         \
    X("visible_hostname", Text, visibleHostname, NULL, "NAME",                 \
      "The proxy's name in Via and on error pages; otherwise the machine's.")  \
    X("unique_hostname", Text, uniqueHostname, NULL, "NAME",                   \
      "The name in Via, by which the proxy knows requests that it has "        \
      "sent itself; otherwise visible_hostname. Proxies that have the "        \
      "same visible_hostname and send each other requests need one each.")     \
    X("cache_mgr", Words, cacheMgr, NULL, "TEXT",                              \
      "Whom error pages name as the one who looks after the proxy.")           \
    X("httpd_suppress_version_string", Bool, suppressVersion, "on", "on|off",  \
      "Whether Via and error pages leave out the version of squire.")          \
    X("error_directory", File, errorDirectory, NULL, "FOLDER|none",            \
      "Where error pages are, in files called as ours (ERR_ACCESS_DENIED, "    \
      "ERR_DNS_FAIL ...) or as deny_info names them; where there is none, "    \
      "our own is sent. Codes in them: %U URL, %M method, %P protocol, %H "    \
      "host, %p port, %R path, %a user, %i the client's address, %A ours, "    \
      "%h visible_hostname, %w cache_mgr, %s program, %S a signature, %T "     \
      "time, %c name of the page, %E what went wrong, %e its number, %o "      \
      "message of an external acl, %% a percent sign. Other codes of Squid "   \
      "are empty.")                                                            \
    X("err_page_stylesheet", File, stylesheetFile, NULL, "FILE|none",          \
      "A file with CSS for pages of error_directory: the code %l.")            \
    X("deny_info", DenyInfo, denyInfos, NULL,                                  \
      "[STATUS:]PAGE|[STATUS:]URL|TCP_RESET ACL...",                           \
      "What clients get when access is denied by one of these acls, the "      \
      "last one that was looked at, instead of ERR_ACCESS_DENIED: a page "     \
      "of ours or of error_directory with status 403 or another from 400 "     \
      "to 599; a redirection (302, or 307 for other methods than GET and "     \
      "HEAD, or 300 to 399) to a URL, in which the codes of "                  \
      "error_directory are escaped; or nothing but a reset connection.")       \
    X("shutdown_lifetime", Time, shutdownLifetimeMs, "30 seconds", "TIME",     \
      "How long running requests may go on at shutdown.")                      \
    X("cache_mem", Size, cacheMem, "256 MB", "SIZE",                           \
      "Memory for cached objects. With a cache_dir it is for those that are "   \
      "in use, in front of it.")                                               \
    X("cache_dir", CacheDir, cacheDir, NULL, "lmdb DIRECTORY MB",              \
      "Where responses are kept over restarts: a database of at most so many " \
      "megabytes (16 at least), in a directory that is made if need be and "   \
      "belongs to the proxy's user. Several proxies may share it, also "       \
      "running ones; what one of them purges another may answer with for up "  \
      "to 0.1 seconds more. A proxy or machine that dies at any moment "       \
      "leaves no wrong or partial response in it; the room that unfinished "   \
      "ones took is free again with the next start, or when others need it. "  \
      "When it is nearly full, what was not used for long goes. Without room " \
      "on the disk, or where it can only be read, or is damaged, the proxy "   \
      "goes on without storing and says so in cache_log; after an error of "   \
      "writing it tries again every 3 seconds. A smaller size takes effect "   \
      "on what is kept, not on the file, which can be removed while no proxy " \
      "runs. Squid's types (ufs, aufs, diskd, rock) are not known; without a " \
      "line nothing is kept on disk.")                                         \
    X("maximum_object_size", Size, maximumObjectSize, "4 MB", "SIZE",          \
      "Larger objects are not cached.")                                        \
    X("minimum_object_size", Size, minimumObjectSize, "0 KB", "SIZE",          \
      "Smaller objects are not cached.")                                       \
    X("maximum_object_size_in_memory", Size, maximumObjectSizeInMemory,        \
      "512 KB", "SIZE", "Larger objects are not kept in memory.")              \
    X("quick_abort_min", AnySize, quickAbortMin, "16 KB", "SIZE|-1",           \
      "When the last client leaves before the end of an answer that is being " \
      "cached: if less than this is missing, the rest is fetched; with -1 "    \
      "it always is.")                                                         \
    X("quick_abort_max", AnySize, quickAbortMax, "16 KB", "SIZE",              \
      "If more than this is missing, it is not.")                              \
    X("quick_abort_pct", Count, quickAbortPct, "95", "PERCENT",                \
      "In between, it is when more than this part of it is here.")             \
    X("range_offset_limit", Limits, rangeOffsetLimit, NULL,                    \
      "SIZE|none [[!]ACL...]",                                                 \
      "A range of which nothing is kept, and which begins at this octet or "   \
      "before: the whole is asked for and kept, the client gets its range of " \
      "it; the first line whose acls all match counts, without any none is. "  \
      "When the client has all of its range, quick_abort_min decides whether " \
      "the rest is fetched.")                                                  \
    X("collapsed_forwarding", Bool, collapsedForwarding, "on", "on|off",       \
      "Whether requests wait for the answer to another one for the same URL "  \
      "that has been sent to the origin already, if it seems to do for them, " \
      "too, and get its body while it arrives. Nobody waits for a head for "   \
      "longer than 5 seconds, nor, for a minute, for what was of no use to "   \
      "others. Answers that come so are TCP_CF_HIT in the access log.")        \
    X("refresh_pattern", Refresh, refreshes, NULL,                             \
      "[-i] REGEX MIN PERCENT% MAX [OPTION...]",                               \
      "How long answers are good that do not say so; the first line whose "    \
      "pattern (POSIX extended; -i ignores case) is found in the URL counts. " \
      "With Last-Modified: PERCENT of the time since then, at most MAX "       \
      "minutes; without: MIN minutes. Where no line matches: 0 10% 4320.\n\n"  \
      "Options: max-stale=MINUTES, as max_stale. Against what the origin "     \
      "says: override-expire (good for MIN minutes at least), "                \
      "override-lastmod (the same, with Last-Modified), ignore-no-store, "     \
      "ignore-private, store-stale (kept although it can only be used stale)." \
      " Against what the client says: ignore-reload (no-cache and max-age "    \
      "are), reload-into-ims (they always are). refresh-ims: the origin is "   \
      "asked when the client sends If-Modified-Since.")                        \
    X("reload_into_ims", Bool, reloadIntoIms, "off", "on|off",                 \
      "Whether reload-into-ims of refresh_pattern holds for all answers.")     \
    X("refresh_all_ims", Bool, refreshAllIms, "off", "on|off",                 \
      "Whether refresh-ims of refresh_pattern holds for all answers.")         \
    X("negative_ttl", Time, negativeTtlMs, "0 seconds", "TIME",                \
      "How long errors (from 400 on) are good that do not say so; 0: as other "\
      "answers, of which some may be kept.")                                   \
    X("max_stale", Time, maxStaleMs, "1 week", "TIME",                         \
      "Stale answers are not used that are stale for longer, whatever fails.") \
    X("request_header_max_size", HeadSize, requestHeaderMaxSize, "64 KB",      \
      "SIZE", "A larger request header is refused (431); at most 96 KB.")      \
    X("request_body_max_size", Size, requestBodyMaxSize, "0 KB", "SIZE",       \
      "A larger request body is refused (413); 0 is no limit.")                \
    X("reply_header_max_size", HeadSize, replyHeaderMaxSize, "64 KB", "SIZE",  \
      "An answer with a larger header is refused (502); at most 96 KB.")       \
    X("request_timeout", Time, requestTimeoutMs, "5 minutes", "TIME",          \
      "How long a client may take to send a request header.")                  \
    X("read_timeout", Time, readTimeoutMs, "15 minutes", "TIME",               \
      "How long an origin may be silent in the middle of an answer.")          \
    X("connect_timeout", Time, connectTimeoutMs, "1 minute", "TIME",           \
      "How long connecting to an origin may take.")                            \
    X("peer_connect_timeout", Time, peerConnectTimeoutMs, "30 seconds",        \
      "TIME",                                                                  \
      "How long connecting to a parent may take that has no "                  \
      "connect-timeout=.")                                                     \
    X("forward_timeout", Time, forwardTimeoutMs, "4 minutes", "TIME",          \
      "After this time since its begin, a request is tried nowhere else.")     \
    X("forward_max_tries", Count, forwardMaxTries, "25", "NUMBER",             \
      "In how many places a request is tried at most.")                        \
    X("write_timeout", Time, writeTimeoutMs, "15 minutes", "TIME",             \
      "How long a client may take nothing of an answer.")                      \
    X("server_idle_pconn_timeout", Time, serverIdlePconnTimeoutMs,             \
      "1 minute",                                                              \
      "TIME",                                                                  \
      "How long a connection to an origin or parent may be kept for the "      \
      "next request.")                                                         \
    X("server_persistent_connections", Bool, serverPersistent, "on", "on|off", \
      "Whether connections to origins and parents are kept at all.")           \
    X("client_idle_pconn_timeout", Time, clientIdlePconnTimeoutMs,             \
      "2 minutes", "TIME",                                                     \
      "How long a client connection is kept open between requests.")           \
    X("client_persistent_connections", Bool, clientPersistent, "on", "on|off", \
      "Whether client connections are kept open between requests.")            \
    X("client_ip_max_connections", Count, clientIpMaxConnections, "0",         \
      "NUMBER",                                                                \
      "How many connections one address of clients may have; further ones "    \
      "are closed at once. 0: any number.")                                    \
    X("half_closed_clients", Bool, halfClosedClients, "on", "on|off",          \
      "Whether a client that has sent its last octet still gets its "          \
      "answers; with off its connection is closed then.")                      \
    X("client_lifetime", Time, clientLifetimeMs, "1 day", "TIME",              \
      "How long one client connection may last at most.")                      \
    X("via", Bool, via, "on", "on|off",                                        \
      "Whether a Via field is added to requests and answers.")                 \
    X("forwarded_for", Forwarded, forwardedFor, "on",                          \
      "on|off|transparent|delete|truncate",                                    \
      "X-Forwarded-For in requests: the client's address is added, hidden as " \
      "\"unknown\", the field is left alone, removed, or replaced by the "     \
      "client's address.")                                                     \
    X("follow_x_forwarded_for", Rules, followForwarded, NULL,                  \
      "allow|deny [!]ACL...",                                                  \
      "Which clients are proxies that are believed in what X-Forwarded-For "   \
      "says: the last address there is taken for the client's, and if it "     \
      "is such a one, too, the one before it, and so on.")                     \
    X("acl_uses_indirect_client", Bool, aclUsesIndirect, "on", "on|off",       \
      "Whether the address found by follow_x_forwarded_for is the client's "   \
      "for acls and helpers.")                                                 \
    X("log_uses_indirect_client", Bool, logUsesIndirect, "on", "on|off",       \
      "Whether it is the client's in the access log.")                         \
    X("request_header_access", HeaderAccess, requestHeaders, NULL,             \
      "NAME|All|Other allow|deny [!]ACL...",                                   \
      "Which fields of requests go to origins. A field that has no lines "     \
      "of its own is judged by those of Other, if it is not a usual one, "     \
      "else by those of All; without any it passes. Host, Connection, "        \
      "Content-Length and Transfer-Encoding always do.")                       \
    X("request_header_replace", HeaderReplace, requestHeaders, NULL,           \
      "NAME TEXT",                                                             \
      "What is sent instead of a field that request_header_access NAME "       \
      "denies.")                                                               \
    X("request_header_add", HeaderAdd, requestHeaders, NULL,                   \
      "NAME TEXT|\"FORMAT\" [[!]ACL...]",                                      \
      "A field that is added to requests when all acls match; a quoted "       \
      "value has codes: FORMAT CODES.")                                        \
    X("reply_header_access", HeaderAccess, replyHeaders, NULL,                 \
      "NAME|All|Other allow|deny [!]ACL...",                                   \
      "The same for fields of answers to clients.")                            \
    X("reply_header_replace", HeaderReplace, replyHeaders, NULL, "NAME TEXT",  \
      "What is sent instead of a field that reply_header_access NAME "         \
      "denies.")                                                               \
    X("reply_header_add", HeaderAdd, replyHeaders, NULL,                       \
      "NAME TEXT|\"FORMAT\" [[!]ACL...]",                                      \
      "A field that is added to answers when all acls match.")                 \
    X("header_access", HeaderAccess, requestHeaders, NULL,                     \
      "NAME|All|Other allow|deny [!]ACL...",                                   \
      "The same as request_header_access and reply_header_access.")            \
    X("header_replace", HeaderReplace, requestHeaders, NULL, "NAME TEXT",      \
      "The same as request_header_replace and reply_header_replace.")          \
    X("tls_outgoing_options", TlsOutgoing, tlsOutgoing, "min-version=1.2",     \
      "OPTION...",                                                             \
      "How origins of https URLs are spoken to; several lines hold "           \
      "together. Their certificates are "                                      \
      "verified: whoever does not pass gets no request, the client gets 503 "  \
      "with the reason. Options: cafile=FILE, capath=FOLDER: who else vouches "\
      "for them; default-ca=off: not those of the system; crlfile=FILE: "      \
      "revoked certificates; cert=FILE, key=FILE: what is shown to origins "   \
      "that ask; min-version=1.2|1.3; cipher=LIST (of TLS 1.2); "              \
      "flags=DONT_VERIFY_DOMAIN, DONT_VERIFY_PEER: a certificate for another " \
      "name, or of whoever, will do.")                                         \
    X("cache_peer", Peer, peers, NULL,                                         \
      "HOST parent PORT ICP-PORT [OPTION...]",                                 \
      "Another proxy, or with originserver an origin, that is asked "          \
      "instead of the origins, for http URLs and tunnels. First there are "    \
      "those of userhash, sourcehash and carp; then the nearest one as "       \
      "far as the pinger knows; else one of the round-robin ones in turn, "    \
      "else the first, a default one last. One that cannot be connected "      \
      "to is left out for 10 seconds; without any the origin is asked "        \
      "(see never_direct).\n\n"                                                \
      "Options: name=; weight= (as if it were so many times nearer, or "       \
      "had so many turns or a share so much larger); round-robin, or "         \
      "weighted-round-robin, which is the same; userhash, sourcehash, "        \
      "carp (each user, address of clients, or URL has one of those that "     \
      "have the option, by weight=; the others keep theirs when one "          \
      "fails); default; closest-only (only for being the nearest); "           \
      "originserver (a web server, for what comes in at accel ports); "        \
      "proxy-only (what it sends is not kept); connect-timeout= "              \
      "(seconds); connect-fail-limit= (so often in turn it must fail to "      \
      "be left out); forceddomain= (what Host says); login=USER:PASSWORD "     \
      "(%XX stands for an octet), login=*:PASSWORD (with the client's "        \
      "user), login=PASS or PASSTHRU (the client's credentials, or the "       \
      "user and password that an external acl told); no-query; tls (by "       \
      "TLS, with the certificate verified; with tls- in front the options "    \
      "of tls_outgoing_options, and tls-domain=, the name that the "           \
      "certificate must have instead of HOST).\n\n"                            \
      "Siblings are not asked, as there is no ICP, HTCP or digest: such a "    \
      "line is ignored with a warning, as other options of Squid's "           \
      "(max-conn= ...) are.")                                                  \
    X("cache_peer_access", PeerAccess, peers, NULL,                            \
      "NAME allow|deny [!]ACL...",                                             \
      "Which requests the cache_peer of that name may be asked; without "      \
      "any line all. What would have to be looked up for an acl must be "      \
      "known already.")                                                        \
    X("cache_peer_domain", PeerDomain, peers, NULL, "NAME [!]DOMAIN...",       \
      "For which domains the cache_peer of that name may be asked, as "        \
      "acls of kind dstdomain have them, and for which not (!DOMAIN): the "    \
      "first that matches decides; when none does, the opposite of the "       \
      "last. cache_peer_access must allow the request, too.")                  \
    X("always_direct", Rules, alwaysDirect, NULL, "allow|deny [!]ACL...",      \
      "Which requests go to origins and never to parents; without any line "   \
      "none.")                                                                 \
    X("never_direct", Rules, neverDirect, NULL, "allow|deny [!]ACL...",        \
      "Which requests go to parents and never to origins, unless "             \
      "always_direct allows them; without any line none.")                     \
    X("prefer_direct", Bool, preferDirect, "off", "on|off",                    \
      "Whether origins are tried first, and parents when an origin cannot "    \
      "be connected to.")                                                      \
    X("nonhierarchical_direct", Bool, nonhierarchicalDirect, "off", "on|off",  \
      "The same for tunnels and for other methods than GET and HEAD.")         \
    X("tcp_outgoing_address", Outgoing, outgoing, NULL, "ADDR [[!]ACL...]",    \
      "The address of ours that connections to origins and parents come "      \
      "from: the first line whose acls all match counts. What would have "     \
      "to be looked up for an acl must be known already.")                     \
    X("pinger_enable", Bool, pingerEnable, "off", "on|off",                    \
      "Whether round trips to origins and parents are measured, and the "      \
      "nearest address of a host is connected to first.")                      \
    X("pinger_program", File, pingerProgram, CONFIG_LIBEXEC_DIR "/pinger",     \
      "FILE|none", "The helper that measures them: pinger(8).")                \
    X("auth_param", Auth, auth, NULL, "SCHEME PARAMETER VALUE",                \
      "How users are known. SCHEME is basic, digest, ntlm or negotiate; each " \
      "one with a program is offered to clients, in the order of their first " \
      "lines, when an acl of kind proxy_auth is to be checked.\n\nAll have "    \
      "program PROGRAM [ARG...]; children MAX [OPTION=VALUE...] (20 "          \
      "startup=0 idle=1; the options are below: POOL OPTIONS; concurrency= "   \
      "only for basic and digest; trace is 0, as lines have passwords, so "    \
      "squirectl tap shows none of them; cache=, fail=stale and fail=open "    \
      "are errors); "                                                          \
      "key_extras \"FORMAT\", what follows the line the program reads.\n\n"     \
      "basic and digest: realm TEXT (Squire proxy), utf8 on|off (off): "       \
      "basic's ISO 8859-1 is made UTF-8, and charset= is offered.\n\nbasic: "  \
      "credentialsttl TIME (2 hours), how long a right password needs not be " \
      "asked about again; casesensitive on|off (off): names are made small "   \
      "letters.\n\ndigest: nonce_max_duration TIME (30 minutes), "             \
      "nonce_max_count N (50), nonce_garbage_interval TIME (5 minutes), "      \
      "check_nonce_count on|off (on): each nc passes once; nonce_strictness "  \
      "on|off (off): nc grows by one each time; post_workaround on|off has "   \
      "no effect.\n\nntlm and negotiate: keep_alive on|off (on): whether the " \
      "connection stays open after their first offer.")                        \
    X("authenticate_ttl", Time, authenticateTtlMs, "1 hour", "TIME",           \
      "How long what digest's helpers said of a user is used. A response "     \
      "that is wrong by it makes them be asked again.")                        \
    X("authenticate_ip_ttl", Time, authenticateIpTtlMs, "1 second", "TIME",    \
      "How long it is remembered which addresses a user comes from, for "      \
      "acls of kind max_user_ip.")                                             \
    X("url_rewrite_program", Program, rewrite.helper, NULL,                    \
      "PROGRAM [ARG...]", "The helper that is asked about every URL.")         \
    X("url_rewrite_children", Children, rewrite.helper,                        \
      "20 startup=0 idle=1 concurrency=0", "MAX [OPTION=VALUE...]",            \
      "How many processes of it run, and how. The options, which all "         \
      "*_children lines and external_acl_type have, are below: POOL OPTIONS.") \
    X("url_rewrite_access", Rules, rewrite.helper.access, NULL,                \
      "allow|deny [!]ACL...",                                                  \
      "Which requests are asked about; without any line all are.")             \
    X("url_rewrite_bypass", Bool, rewrite.helper.bypass, "off", "on|off",      \
      "Whether requests go on unchanged when there is no answer: the queue "   \
      "is full, the helpers die, or they are late and no url_rewrite_timeout " \
      "is set.")                                                               \
    X("url_rewrite_timeout", HelperTimeout, rewrite, NULL,                     \
      "TIME [on_timeout=fail|bypass|retry|use_configured_response] "           \
      "[response=\"REPLY\"]",                                                  \
      "How long an answer may take, and what happens after. Without it: 10 "   \
      "seconds (or timeout= of url_rewrite_children), then fail.")             \
    X("url_rewrite_host_header", Bool, rewrite.changesHost, "on", "on|off",    \
      "Whether the Host of a rewritten request is that of the new URL; "       \
      "otherwise that of the URL that the client has asked for.")              \
    X("url_rewrite_extras", Extras, rewrite.extras,                            \
      "\"%>a/%>A %un %>rm myip=%la myport=%lp\"", "\"FORMAT\"",                \
      "What follows the URL in the line the helper reads. Codes are below: "   \
      "FORMAT CODES.")                                                         \
    X("store_id_program", Program, storeId.helper, NULL,                       \
      "PROGRAM [ARG...]",                                                      \
      "The helper that is asked under which name (store-id) the answer to a "  \
      "URL is kept, so that several URLs share one.")                          \
    X("store_id_children", Children, storeId.helper,                           \
      "20 startup=0 idle=1 concurrency=0", "MAX [OPTION=VALUE...]",            \
      "How many processes of it run, and how: POOL OPTIONS.")                  \
    X("store_id_access", Rules, storeId.helper.access, NULL,                   \
      "allow|deny [!]ACL...",                                                  \
      "Which requests are asked about; without any line all are.")             \
    X("store_id_bypass", Bool, storeId.helper.bypass, "on", "on|off",          \
      "Whether requests go on with their URL as the name when there is no "    \
      "answer; otherwise they get an error.")                                  \
    X("store_id_extras", Extras, storeId.extras,                               \
      "\"%>a/%>A %un %>rm myip=%la myport=%lp\"", "\"FORMAT\"",                \
      "What follows the URL in the line the helper reads: FORMAT CODES.")

/* Older names: X(old, name). */
#define CONFIG_ALIASES(X)                                                      \
    X("persistent_request_timeout", "client_idle_pconn_timeout")               \
    X("pconn_timeout", "server_idle_pconn_timeout")                            \
    X("max_filedesc", "max_filedescriptors")                                   \
    X("no_cache", "cache")                                                     \
    X("http_access2", "adapted_http_access")                                   \
    X("referrer_log", "referer_log")                                           \
    X("redirect_program", "url_rewrite_program")                               \
    X("redirect_children", "url_rewrite_children")                             \
    X("redirector_access", "url_rewrite_access")                               \
    X("redirector_bypass", "url_rewrite_bypass")

#endif
