/*
 * config_foreign.h: directives that Squid has or had and we do not:
 * X(name, the value that means what we do anyway or NULL, what is done
 * instead). A line with that value is nothing to be told of; any other is a
 * warning with the text. The manual's list is made of this table, too.
 */
#ifndef SQUIRE_CONFIG_FOREIGN_H
#define SQUIRE_CONFIG_FOREIGN_H

#define CONFIG_NO_ADAPT                                                        \
    "no ICAP or eCAP service is asked: nothing is scanned or changed by one"
#define CONFIG_NO_DELAY "no limit is applied to how fast answers are sent"
#define CONFIG_NO_ICP "neighbours are neither asked nor answered by ICP"
#define CONFIG_NO_HTCP "neighbours are neither asked nor answered by HTCP"
#define CONFIG_NO_DIGEST "digests of caches are neither made nor fetched"
#define CONFIG_NO_SNMP                                                         \
    "nothing is answered by SNMP (see manager_port, /metrics)"
#define CONFIG_NO_WCCP "no router is told of this proxy"
#define CONFIG_NO_DNS                                                          \
    "names are looked up by the system (resolv.conf, nsswitch.conf)"
#define CONFIG_NO_NAMES                                                        \
    "how long names are kept is the system's and libcurl's matter"
#define CONFIG_NO_NETDB "round trips are measured by the pinger alone"
#define CONFIG_NO_FTP "there is no FTP: ftp URLs are answered with an error"
#define CONFIG_NO_BUMP                                                         \
    "tunnels are passed through: nothing in them is seen, filtered or "        \
    "logged"
#define CONFIG_NO_TLSOUT "it has no effect: use tls_outgoing_options"
#define CONFIG_NO_MEMORY "memory is managed by the system's allocator"
#define CONFIG_NO_SWAP                                                         \
    "what was not used for long is removed when the cache_dir is full"
#define CONFIG_NO_LOOP "the event loop decides by itself"
#define CONFIG_NO_IDENT "clients are not asked who their users are"
#define CONFIG_NO_MAIL "nobody is sent mail"
#define CONFIG_NO_ANNOUNCE "the proxy is announced nowhere"
#define CONFIG_NO_MARK "packets and connections are not marked"
#define CONFIG_NO_ESI "ESI is not processed: answers pass as they are"
#define CONFIG_NO_INTERCEPT "there are no intercepted connections"
#define CONFIG_NO_KIDS "one process serves all"

#define CONFIG_FOREIGN(X)                                                      \
    X("accept_filter", NULL,                                                   \
      "connections are accepted as the system gives them")                     \
    X("access_log_format", NULL, "it has no effect: see logformat")            \
    X("adaptation_access", NULL, CONFIG_NO_ADAPT)                              \
    X("adaptation_masterx_shared_names", NULL, CONFIG_NO_ADAPT)                \
    X("adaptation_meta", NULL, CONFIG_NO_ADAPT)                                \
    X("adaptation_send_client_ip", NULL, CONFIG_NO_ADAPT)                      \
    X("adaptation_send_username", NULL, CONFIG_NO_ADAPT)                       \
    X("adaptation_service_chain", NULL, CONFIG_NO_ADAPT)                       \
    X("adaptation_service_iteration_limit", NULL, CONFIG_NO_ADAPT)             \
    X("adaptation_service_set", NULL, CONFIG_NO_ADAPT)                         \
    X("adaptation_uses_indirect_client", NULL, CONFIG_NO_ADAPT)                \
    X("allow_underscore", "on", "names with an underscore are accepted")       \
    X("announce_file", NULL, CONFIG_NO_ANNOUNCE)                               \
    X("announce_host", NULL, CONFIG_NO_ANNOUNCE)                               \
    X("announce_period", "0", CONFIG_NO_ANNOUNCE)                              \
    X("announce_port", NULL, CONFIG_NO_ANNOUNCE)                               \
    X("append_domain", NULL,                                                   \
      "names without a dot are looked up as the system does (search in "       \
      "resolv.conf)")                                                          \
    X("as_whois_server", NULL, "there are no acls about autonomous systems")   \
    X("auth_schemes", NULL,                                                    \
      "every client is offered every scheme of auth_param")                    \
    X("authenticate_cache_garbage_interval", NULL,                             \
      "users are forgotten when what is known of them is too old")             \
    X("authenticate_ip_shortcircuit_access", NULL,                             \
      "credentials are looked at in each request")                             \
    X("authenticate_ip_shortcircuit_ttl", "0 seconds",                         \
      "credentials are looked at in each request")                             \
    X("background_ping_rate", NULL, CONFIG_NO_NETDB)                           \
    X("balance_on_multiple_ip", "off",                                         \
      "addresses of a host are tried in the system's order")                   \
    X("broken_posts", NULL, "nothing is added behind the body of a request")   \
    X("broken_vary_encoding", NULL, "Vary is believed of every origin")        \
    X("cache_miss_revalidate", "on",                                           \
      "conditions of clients go to origins when nothing is stored")            \
    X("cache_replacement_policy", "lru",                                       \
      "what was not used for longest goes first")                              \
    X("cache_store_log", "none", "there is no log of stored objects")          \
    X("cache_swap_high", NULL, CONFIG_NO_SWAP)                                 \
    X("cache_swap_log", NULL, CONFIG_NO_SWAP)                                  \
    X("cache_swap_low", NULL, CONFIG_NO_SWAP)                                  \
    X("cache_swap_state", NULL, CONFIG_NO_SWAP)                                \
    X("cache_vary", "on", "variants by Vary are always kept")                  \
    X("check_hostnames", NULL,                                                 \
      "names of hosts are checked only for what could harm")                   \
    X("chroot", NULL, "the proxy sees all files that its user may see")        \
    X("chunked_request_body_max_size", NULL,                                   \
      "request_body_max_size limits these as all others")                      \
    X("client_db", "on",                                                       \
      "connections are counted for each address in any case")                  \
    X("client_delay_access", NULL, CONFIG_NO_DELAY)                            \
    X("client_delay_initial_bucket_level", NULL, CONFIG_NO_DELAY)              \
    X("client_delay_parameters", NULL, CONFIG_NO_DELAY)                        \
    X("client_delay_pools", "0", CONFIG_NO_DELAY)                              \
    X("client_dst_passthru", NULL, CONFIG_NO_INTERCEPT)                        \
    X("client_netmask", NULL, "addresses are logged whole")                    \
    X("client_request_buffer_max_size", NULL,                                  \
      "bodies of requests are passed on as they come, whatever their "         \
      "length (request_body_max_size limits that)")                            \
    X("clientside_mark", NULL, CONFIG_NO_MARK)                                 \
    X("clientside_tos", NULL, CONFIG_NO_MARK)                                  \
    X("collapsed_forwarding_access", NULL,                                     \
      "collapsed_forwarding holds for all requests")                           \
    X("connect_retries", "0", "all addresses of a host are tried once")        \
    X("cpu_affinity_map", NULL, CONFIG_NO_KIDS)                                \
    X("dead_peer_timeout", NULL,                                               \
      "peers are left out for 10 seconds after a failure")                     \
    X("delay_access", NULL, CONFIG_NO_DELAY)                                   \
    X("delay_class", NULL, CONFIG_NO_DELAY)                                    \
    X("delay_initial_bucket_level", NULL, CONFIG_NO_DELAY)                     \
    X("delay_parameters", NULL, CONFIG_NO_DELAY)                               \
    X("delay_pool_uses_indirect_client", NULL, CONFIG_NO_DELAY)                \
    X("delay_pools", "0", CONFIG_NO_DELAY)                                     \
    X("detect_broken_pconn", "off",                                            \
      "connections that origins close early are replaced")                     \
    X("digest_bits_per_entry", NULL, CONFIG_NO_DIGEST)                         \
    X("digest_generation", "off", CONFIG_NO_DIGEST)                            \
    X("digest_rebuild_chunk_percentage", NULL, CONFIG_NO_DIGEST)               \
    X("digest_rebuild_period", NULL, CONFIG_NO_DIGEST)                         \
    X("digest_rewrite_period", NULL, CONFIG_NO_DIGEST)                         \
    X("digest_swapout_chunk_size", NULL, CONFIG_NO_DIGEST)                     \
    X("diskd_program", NULL, CONFIG_NO_SWAP)                                   \
    X("dns_children", NULL, CONFIG_NO_DNS)                                     \
    X("dns_defnames", "on", CONFIG_NO_DNS)                                     \
    X("dns_multicast_local", NULL, CONFIG_NO_DNS)                              \
    X("dns_nameservers", NULL, CONFIG_NO_DNS)                                  \
    X("dns_packet_max", NULL, CONFIG_NO_DNS)                                   \
    X("dns_retransmit_interval", NULL, CONFIG_NO_DNS)                          \
    X("dns_testnames", NULL, CONFIG_NO_DNS)                                    \
    X("dns_timeout", NULL, CONFIG_NO_DNS)                                      \
    X("dns_v4_fallback", "on", CONFIG_NO_DNS)                                  \
    X("dns_v4_first", "off",                                                   \
      "addresses are tried in the system's order (gai.conf)")                  \
    X("ecap_enable", "off", CONFIG_NO_ADAPT)                                   \
    X("ecap_service", NULL, CONFIG_NO_ADAPT)                                   \
    X("email_err_data", "off", "error pages have no link with data for mail")  \
    X("emulate_httpd_log", "off",                                              \
      "name a format in access_log: combined or common")                       \
    X("err_html_text", NULL, "code %L of error pages is empty")                \
    X("error_default_language", NULL,                                          \
      "pages are English, or those of error_directory")                        \
    X("error_log_languages", "off",                                            \
      "languages that there are no pages for are not logged")                  \
    X("error_map", NULL, "error pages of origins pass as they are")            \
    X("esi_parser", NULL, CONFIG_NO_ESI)                                       \
    X("eui_lookup", "off", "hardware addresses of clients are not looked up")  \
    X("extension_methods", NULL, "every method that HTTP allows is passed on") \
    X("external_refresh_check", NULL, "refresh_pattern decides alone")         \
    X("force_request_body_continuation", NULL,                                 \
      "100 Continue is sent when the body is wanted")                          \
    X("forward_log", NULL, "there is no such log: see access_log")             \
    X("forward_snmpd_port", NULL, CONFIG_NO_SNMP)                              \
    X("fqdncache_size", NULL, CONFIG_NO_NAMES)                                 \
    X("ftp_client_idle_timeout", NULL, CONFIG_NO_FTP)                          \
    X("ftp_eprt", NULL, CONFIG_NO_FTP)                                         \
    X("ftp_epsv", NULL, CONFIG_NO_FTP)                                         \
    X("ftp_epsv_all", NULL, CONFIG_NO_FTP)                                     \
    X("ftp_list_width", NULL, CONFIG_NO_FTP)                                   \
    X("ftp_passive", NULL, CONFIG_NO_FTP)                                      \
    X("ftp_port", NULL, CONFIG_NO_FTP)                                         \
    X("ftp_sanitycheck", NULL, CONFIG_NO_FTP)                                  \
    X("ftp_telnet_protocol", NULL, CONFIG_NO_FTP)                              \
    X("ftp_user", NULL, CONFIG_NO_FTP)                                         \
    X("global_internal_static", "on", "there are no icons")                    \
    X("happy_eyeballs_connect_gap", NULL, CONFIG_NO_DNS)                       \
    X("happy_eyeballs_connect_limit", NULL, CONFIG_NO_DNS)                     \
    X("happy_eyeballs_connect_timeout", NULL, CONFIG_NO_DNS)                   \
    X("hierarchy_stoplist", NULL,                                              \
      "always_direct and nonhierarchical_direct decide who is asked")          \
    X("high_memory_warning", NULL, CONFIG_NO_MEMORY)                           \
    X("high_page_fault_warning", NULL, CONFIG_NO_MEMORY)                       \
    X("high_response_time_warning", NULL,                                      \
      "nobody is warned of long response times (see /metrics)")                \
    X("hopeless_kid_revival_delay", NULL, CONFIG_NO_KIDS)                      \
    X("host_verify_strict", "off", "Host must always be the host of the URL")  \
    X("hostname_aliases", NULL,                                                \
      "a loop is told by unique_hostname or visible_hostname alone")           \
    X("hosts_file", "/etc/hosts", CONFIG_NO_DNS)                               \
    X("htcp_access", NULL, CONFIG_NO_HTCP)                                     \
    X("htcp_clr_access", NULL, CONFIG_NO_HTCP)                                 \
    X("htcp_port", "0", CONFIG_NO_HTCP)                                        \
    X("http_accel_surrogate_remote", "off", "Surrogate-Control is not obeyed") \
    X("http_upgrade_request_protocols", NULL, "Upgrade is not passed on")      \
    X("httpd_accel", NULL,                                                     \
      "it is Squid 2.5's: use http_port ... accel and cache_peer")             \
    X("httpd_accel_host", NULL,                                                \
      "it is Squid 2.5's: use http_port ... accel and cache_peer")             \
    X("httpd_accel_no_pmtu_disc", "off", "the system decides")                 \
    X("httpd_accel_port", NULL,                                                \
      "it is Squid 2.5's: use http_port ... accel and cache_peer")             \
    X("httpd_accel_single_host", NULL,                                         \
      "it is Squid 2.5's: use http_port ... accel and cache_peer")             \
    X("httpd_accel_surrogate_id", NULL, "Surrogate-Control is not obeyed")     \
    X("httpd_accel_uses_host_header", NULL,                                    \
      "it is Squid 2.5's: use http_port ... accel and cache_peer")             \
    X("httpd_accel_with_proxy", NULL,                                          \
      "it is Squid 2.5's: use http_port ... accel and cache_peer")             \
    X("icap_206_enable", NULL, CONFIG_NO_ADAPT)                                \
    X("icap_access", NULL, CONFIG_NO_ADAPT)                                    \
    X("icap_class", NULL, CONFIG_NO_ADAPT)                                     \
    X("icap_client_username_encode", NULL, CONFIG_NO_ADAPT)                    \
    X("icap_client_username_header", NULL, CONFIG_NO_ADAPT)                    \
    X("icap_connect_timeout", NULL, CONFIG_NO_ADAPT)                           \
    X("icap_default_options_ttl", NULL, CONFIG_NO_ADAPT)                       \
    X("icap_enable", "off", CONFIG_NO_ADAPT)                                   \
    X("icap_io_timeout", NULL, CONFIG_NO_ADAPT)                                \
    X("icap_log", NULL, CONFIG_NO_ADAPT)                                       \
    X("icap_persistent_connections", NULL, CONFIG_NO_ADAPT)                    \
    X("icap_preview_enable", NULL, CONFIG_NO_ADAPT)                            \
    X("icap_preview_size", NULL, CONFIG_NO_ADAPT)                              \
    X("icap_retry", NULL, CONFIG_NO_ADAPT)                                     \
    X("icap_retry_limit", NULL, CONFIG_NO_ADAPT)                               \
    X("icap_send_client_ip", NULL, CONFIG_NO_ADAPT)                            \
    X("icap_send_client_username", NULL, CONFIG_NO_ADAPT)                      \
    X("icap_service", NULL, CONFIG_NO_ADAPT)                                   \
    X("icap_service_failure_limit", NULL, CONFIG_NO_ADAPT)                     \
    X("icap_service_revival_delay", NULL, CONFIG_NO_ADAPT)                     \
    X("icon_directory", NULL, "there are no icons")                            \
    X("icp_access", NULL, CONFIG_NO_ICP)                                       \
    X("icp_hit_stale", NULL, CONFIG_NO_ICP)                                    \
    X("icp_port", "0", CONFIG_NO_ICP)                                          \
    X("icp_query_timeout", NULL, CONFIG_NO_ICP)                                \
    X("ident_lookup", "off", CONFIG_NO_IDENT)                                  \
    X("ident_lookup_access", NULL, CONFIG_NO_IDENT)                            \
    X("ident_timeout", NULL, CONFIG_NO_IDENT)                                  \
    X("ie_refresh", "off",                                                     \
      "clients that reload without saying so are not known")                   \
    X("ignore_expect_100", "off", "Expect: 100-continue is answered")          \
    X("ignore_ims_on_miss", "off",                                             \
      "conditions of clients go to origins when nothing is stored")            \
    X("ignore_unknown_nameservers", "on", CONFIG_NO_DNS)                       \
    X("incoming_dns_average", NULL, CONFIG_NO_LOOP)                            \
    X("incoming_http_average", NULL, CONFIG_NO_LOOP)                           \
    X("incoming_icp_average", NULL, CONFIG_NO_LOOP)                            \
    X("incoming_rate", NULL, CONFIG_NO_LOOP)                                   \
    X("incoming_tcp_average", NULL, CONFIG_NO_LOOP)                            \
    X("incoming_udp_average", NULL, CONFIG_NO_LOOP)                            \
    X("ipcache_high", NULL, CONFIG_NO_NAMES)                                   \
    X("ipcache_low", NULL, CONFIG_NO_NAMES)                                    \
    X("ipcache_size", NULL, CONFIG_NO_NAMES)                                   \
    X("loadable_modules", NULL, CONFIG_NO_ADAPT)                               \
    X("location_rewrite_access", NULL, "Location of answers passes as it is")  \
    X("location_rewrite_children", NULL,                                       \
      "Location of answers passes as it is")                                   \
    X("location_rewrite_concurrency", NULL,                                    \
      "Location of answers passes as it is")                                   \
    X("location_rewrite_program", "none",                                      \
      "Location of answers passes as it is")                                   \
    X("log_access", NULL, "every request is logged: give acls in access_log")  \
    X("log_fqdn", "off", "addresses are logged, not names")                    \
    X("log_icap", NULL, CONFIG_NO_ADAPT)                                       \
    X("log_icp_queries", NULL, CONFIG_NO_ICP)                                  \
    X("log_ip_on_direct", "on", "the address of who was asked is logged")      \
    X("mail_from", NULL, CONFIG_NO_MAIL)                                       \
    X("mail_program", NULL, CONFIG_NO_MAIL)                                    \
    X("mark_client_connection", NULL, CONFIG_NO_MARK)                          \
    X("mark_client_packet", NULL, CONFIG_NO_MARK)                              \
    X("max_open_disk_fds", "0", "the cache_dir needs few descriptors")         \
    X("maximum_icp_query_timeout", NULL, CONFIG_NO_ICP)                        \
    X("maximum_single_addr_tries", "1",                                        \
      "all addresses of a host are tried once")                                \
    X("mcast_groups", NULL, CONFIG_NO_ICP)                                     \
    X("mcast_icp_query_timeout", NULL, CONFIG_NO_ICP)                          \
    X("mcast_miss_addr", NULL, CONFIG_NO_ICP)                                  \
    X("mcast_miss_encode_key", NULL, CONFIG_NO_ICP)                            \
    X("mcast_miss_port", NULL, CONFIG_NO_ICP)                                  \
    X("mcast_miss_ttl", NULL, CONFIG_NO_ICP)                                   \
    X("memory_cache_mode", "always", "what is stored may be in memory, too")   \
    X("memory_cache_shared", NULL, CONFIG_NO_KIDS)                             \
    X("memory_pools", "off", CONFIG_NO_MEMORY)                                 \
    X("memory_pools_limit", NULL, CONFIG_NO_MEMORY)                            \
    X("memory_replacement_policy", "lru",                                      \
      "what was not used for longest goes first")                              \
    X("mime_table", NULL, "there are no icons and no FTP")                     \
    X("min_dns_poll_cnt", NULL, CONFIG_NO_LOOP)                                \
    X("min_http_poll_cnt", NULL, CONFIG_NO_LOOP)                               \
    X("min_icp_poll_cnt", NULL, CONFIG_NO_LOOP)                                \
    X("min_tcp_poll_cnt", NULL, CONFIG_NO_LOOP)                                \
    X("min_udp_poll_cnt", NULL, CONFIG_NO_LOOP)                                \
    X("minimum_direct_hops", NULL, CONFIG_NO_NETDB)                            \
    X("minimum_direct_rtt", NULL, CONFIG_NO_NETDB)                             \
    X("minimum_expiry_time", NULL,                                             \
      "what is good for however short a time is kept")                         \
    X("minimum_icp_query_timeout", NULL, CONFIG_NO_ICP)                        \
    X("negative_dns_ttl", NULL, CONFIG_NO_NAMES)                               \
    X("neighbor_type_domain", NULL,                                            \
      "a peer is for all domains what its cache_peer line says")               \
    X("netdb_filename", NULL, CONFIG_NO_NETDB)                                 \
    X("netdb_high", NULL, CONFIG_NO_NETDB)                                     \
    X("netdb_low", NULL, CONFIG_NO_NETDB)                                      \
    X("netdb_ping_period", NULL, CONFIG_NO_NETDB)                              \
    X("note", NULL,                                                            \
      "no such annotation is made: acls of kind note do not see it")           \
    X("offline_mode", "off", "stale answers are validated as always")          \
    X("on_unsupported_protocol", NULL, CONFIG_NO_INTERCEPT)                    \
    X("paranoid_hit_validation", NULL, CONFIG_NO_SWAP)                         \
    X("pconn_lifetime", "0 seconds",                                           \
      "only server_idle_pconn_timeout ends a connection to an origin")         \
    X("persistent_connection_after_error", "on",                               \
      "connections stay after errors")                                         \
    X("pipeline_prefetch", "0",                                                \
      "one request of a connection is carried out at a time")                  \
    X("positive_dns_ttl", NULL, CONFIG_NO_NAMES)                               \
    X("proxy_protocol_access", NULL,                                           \
      "no client is believed in who it speaks for (see http_port)")            \
    X("qos_flows", NULL, CONFIG_NO_MARK)                                       \
    X("query_icmp", "off", CONFIG_NO_NETDB)                                    \
    X("range_offset_limit", "0",                                               \
      "a range is asked of the origin as the client wants it")                 \
    X("read_ahead_gap", NULL,                                                  \
      "answers are read from origins little faster than clients take them")    \
    X("redirect_rewrites_host_header", "on",                                   \
      "Host is always that of the new URL")                                    \
    X("refresh_stale_hit", NULL, "see stale-while-revalidate and max_stale")   \
    X("relaxed_header_parser", NULL,                                           \
      "requests and answers that HTTP does not allow are refused")             \
    X("request_entities", NULL, "a body of GET and HEAD is passed on")         \
    X("request_start_timeout", NULL,                                           \
      "request_timeout holds from the begin of a connection")                  \
    X("response_delay_pool", NULL, CONFIG_NO_DELAY)                            \
    X("response_delay_pool_access", NULL, CONFIG_NO_DELAY)                     \
    X("retry_on_error", "off",                                                 \
      "what an origin answers goes to the client, also errors")                \
    X("semaphore_file", NULL, CONFIG_NO_KIDS)                                  \
    X("server_http11", "on", "origins are always asked by HTTP/1.1")           \
    X("server_pconn_for_nonretriable", NULL,                                   \
      "kept connections are also used for what cannot be repeated, if "        \
      "they seem open")                                                        \
    X("shared_memory_locking", NULL, CONFIG_NO_KIDS)                           \
    X("shared_transient_entries_limit", NULL, CONFIG_NO_KIDS)                  \
    X("short_icon_urls", NULL, "there are no icons")                           \
    X("sleep_after_fork", "0", "no process is waited for")                     \
    X("snmp_access", NULL, CONFIG_NO_SNMP)                                     \
    X("snmp_community", NULL, CONFIG_NO_SNMP)                                  \
    X("snmp_incoming_address", NULL, CONFIG_NO_SNMP)                           \
    X("snmp_outgoing_address", NULL, CONFIG_NO_SNMP)                           \
    X("snmp_port", "0", CONFIG_NO_SNMP)                                        \
    X("spoof_client_ip", NULL, CONFIG_NO_INTERCEPT)                            \
    X("ssl_bump", NULL, CONFIG_NO_BUMP)                                        \
    X("ssl_engine", NULL, "keys are read from files alone")                    \
    X("ssl_unclean_shutdown", "off", "TLS is ended as it should be")           \
    X("sslcrtd_children", NULL, CONFIG_NO_BUMP)                                \
    X("sslcrtd_program", NULL, CONFIG_NO_BUMP)                                 \
    X("sslcrtvalidator_children", NULL, "OpenSSL verifies certificates alone") \
    X("sslcrtvalidator_program", NULL, "OpenSSL verifies certificates alone")  \
    X("sslpassword_program", NULL, "a key with a password cannot be read")     \
    X("sslproxy_cafile", NULL, CONFIG_NO_TLSOUT)                               \
    X("sslproxy_capath", NULL, CONFIG_NO_TLSOUT)                               \
    X("sslproxy_cert_adapt", NULL, CONFIG_NO_BUMP)                             \
    X("sslproxy_cert_error", NULL,                                             \
      "a certificate that is wrong is always an error")                        \
    X("sslproxy_cert_sign", NULL, CONFIG_NO_BUMP)                              \
    X("sslproxy_cert_sign_hash", NULL, CONFIG_NO_BUMP)                         \
    X("sslproxy_cipher", NULL, CONFIG_NO_TLSOUT)                               \
    X("sslproxy_client_certificate", NULL, CONFIG_NO_TLSOUT)                   \
    X("sslproxy_client_key", NULL, CONFIG_NO_TLSOUT)                           \
    X("sslproxy_flags", NULL, CONFIG_NO_TLSOUT)                                \
    X("sslproxy_foreign_intermediate_certs", NULL, CONFIG_NO_TLSOUT)           \
    X("sslproxy_options", NULL, CONFIG_NO_TLSOUT)                              \
    X("sslproxy_session_cache_size", NULL, CONFIG_NO_TLSOUT)                   \
    X("sslproxy_session_ttl", NULL, CONFIG_NO_TLSOUT)                          \
    X("sslproxy_version", NULL, CONFIG_NO_TLSOUT)                              \
    X("stats_collection", NULL, "all requests are counted")                    \
    X("store_avg_object_size", NULL,                                           \
      "the number of objects is not limited by a guess")                       \
    X("store_dir_select_algorithm", NULL, "there is one cache_dir")            \
    X("store_id_concurrency", "0", "say concurrency= in store_id_children")    \
    X("store_objects_per_bucket", NULL,                                        \
      "the number of objects is not limited by a guess")                       \
    X("storeurl_access", NULL, "say store_id_access")                          \
    X("storeurl_rewrite_children", NULL, "say store_id_children")              \
    X("storeurl_rewrite_concurrency", NULL,                                    \
      "say concurrency= in store_id_children")                                 \
    X("storeurl_rewrite_program", NULL,                                        \
      "say store_id_program, whose helpers answer with OK store-id=...")       \
    X("tcp_outgoing_ds", NULL, CONFIG_NO_MARK)                                 \
    X("tcp_outgoing_dscp", NULL, CONFIG_NO_MARK)                               \
    X("tcp_outgoing_mark", NULL, CONFIG_NO_MARK)                               \
    X("tcp_outgoing_tos", NULL, CONFIG_NO_MARK)                                \
    X("tcp_recv_bufsize", "0", "the system decides")                           \
    X("test_reachability", "off", CONFIG_NO_NETDB)                             \
    X("tproxy_uses_indirect_client", NULL, CONFIG_NO_INTERCEPT)                \
    X("udp_incoming_address", NULL, CONFIG_NO_ICP)                             \
    X("udp_outgoing_address", NULL, CONFIG_NO_ICP)                             \
    X("unlinkd_program", NULL, CONFIG_NO_SWAP)                                 \
    X("update_headers", "on", "a 304 updates what is stored")                  \
    X("upgrade_http0.9", NULL, "requests of HTTP/0.9 are refused")             \
    X("uri_whitespace", "deny", "a URL with blanks is refused")                \
    X("url_rewrite_concurrency", "0",                                          \
      "say concurrency= in url_rewrite_children")                              \
    X("vary_ignore_expire", "off", "Expires counts with Vary, too")            \
    X("wais_relay_host", NULL, "there is no WAIS")                             \
    X("wais_relay_port", NULL, "there is no WAIS")                             \
    X("wccp2_address", NULL, CONFIG_NO_WCCP)                                   \
    X("wccp2_assignment_method", NULL, CONFIG_NO_WCCP)                         \
    X("wccp2_forwarding_method", NULL, CONFIG_NO_WCCP)                         \
    X("wccp2_rebuild_wait", NULL, CONFIG_NO_WCCP)                              \
    X("wccp2_return_method", NULL, CONFIG_NO_WCCP)                             \
    X("wccp2_router", NULL, CONFIG_NO_WCCP)                                    \
    X("wccp2_service", NULL, CONFIG_NO_WCCP)                                   \
    X("wccp2_service_info", NULL, CONFIG_NO_WCCP)                              \
    X("wccp2_weight", NULL, CONFIG_NO_WCCP)                                    \
    X("wccp_address", NULL, CONFIG_NO_WCCP)                                    \
    X("wccp_incoming_address", NULL, CONFIG_NO_WCCP)                           \
    X("wccp_outgoing_address", NULL, CONFIG_NO_WCCP)                           \
    X("wccp_router", NULL, CONFIG_NO_WCCP)                                     \
    X("wccp_version", NULL, CONFIG_NO_WCCP)                                    \
    X("windows_ipaddrchangemonitor", NULL,                                     \
      "addresses are looked up anew when they are needed")                     \
    X("workers", "1", CONFIG_NO_KIDS)                                          \
    X("zero_buffers", NULL, CONFIG_NO_MEMORY)                                  \
    X("zph_local", NULL, CONFIG_NO_MARK)                                       \
    X("zph_mode", "off", CONFIG_NO_MARK)                                       \
    X("zph_option", NULL, CONFIG_NO_MARK)                                      \
    X("zph_parent", NULL, CONFIG_NO_MARK)                                      \
    X("zph_sibling", NULL, CONFIG_NO_MARK)

#endif
