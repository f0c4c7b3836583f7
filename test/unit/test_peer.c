/* test_peer.c: which parent is asked. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "peer.h"
#include "support.h"

TestSuite(peer, .init = supportInit, .fini = supportFini, .timeout = 30);

static char texts[] = "a\0b\0c\0d";

#define A (texts + 0)
#define B (texts + 2)
#define C (texts + 4)
#define D (texts + 6)

/* Round trips by the first letter of the host; 0: not known. */
static uint64_t rtts[128];

static uint64_t
rttOf(const char *host, void *data)
{
    cr_assert_eq(data, rtts);
    return rtts[(unsigned char)host[0]];
}

static PeerSet *
makeSet(ConfigPeer *peers, size_t count, PeerSet *older)
{
    Config config = {.peers = peers, .peerCount = count};

    for (size_t i = 0; i < count; i++) {
        peers[i].host = peers[i].name;
        peers[i].port = 3128;
        if (peers[i].weight == 0)
            peers[i].weight = 1;
    }
    return peerSetCreate(&config, older);
}

/* What is asked for, as far as a test says. */
static PeerQuery query;

/* "Aa" and so on: how it was chosen, and the name; "-" for direct. */
static const char *
pick(PeerSet *set, uint64_t *tried)
{
    static const char letters[ACCESS_HIER_COUNT] = {
        [ACCESS_HIER_CLOSEST_PARENT] = 'C',
        [ACCESS_HIER_ROUNDROBIN_PARENT] = 'R',
        [ACCESS_HIER_FIRSTUP_PARENT] = 'F',
        [ACCESS_HIER_DEFAULT_PARENT] = 'D',
        [ACCESS_HIER_CARP] = 'U',
        [ACCESS_HIER_SOURCEHASH_PARENT] = 'S',
        [ACCESS_HIER_USERHASH_PARENT] = 'N',
    };
    static char text[3];
    PeerChoice choice;

    query.rtt = rttOf;
    query.data = rtts;
    if (!peerSetPick(set, &query, tried, &choice))
        return "-";
    cr_assert_eq(choice.port, 3128);
    text[0] = letters[choice.hierarchy];
    text[1] = choice.name[0];
    return text;
}

static const char *
pickFresh(PeerSet *set)
{
    uint64_t tried = 0;

    return pick(set, &tried);
}

Test(peer, first_up_then_the_next_then_direct)
{
    ConfigPeer peers[] = {
        {.name = A, .isDefault = true}, {.name = B}, {.name = C}};
    PeerSet *set = makeSet(peers, 3, NULL);
    uint64_t tried = 0;

    cr_assert_str_eq(pick(set, &tried), "Fb");
    cr_assert_str_eq(pick(set, &tried), "Fc");
    cr_assert_str_eq(pick(set, &tried), "Da");
    cr_assert_str_eq(pick(set, &tried), "-");
    cr_assert_str_eq(pickFresh(set), "Fb");
    peerSetDestroy(&set);
    peerSetDestroy(&set);
}

Test(peer, none_is_direct)
{
    PeerSet *set = makeSet(NULL, 0, NULL);

    cr_assert_str_eq(pickFresh(set), "-");
    peerSetDestroy(&set);
}

Test(peer, nearest_wins_by_weight_too)
{
    ConfigPeer peers[] = {{.name = A},
                          {.name = B},
                          {.name = C, .weight = 4},
                          {.name = D, .isClosestOnly = true}};
    PeerSet *set = makeSet(peers, 4, NULL);
    uint64_t tried = 0;

    cr_assert_str_eq(pickFresh(set), "Fa", "closest-only is not first");
    rtts['b'] = 300;
    cr_assert_str_eq(pickFresh(set), "Cb");
    rtts['c'] = 1000;
    cr_assert_str_eq(pickFresh(set), "Cc");
    rtts['d'] = 20;
    cr_assert_str_eq(pick(set, &tried), "Cd");
    cr_assert_str_eq(pick(set, &tried), "Cc");
    cr_assert_str_eq(pick(set, &tried), "Cb");
    cr_assert_str_eq(pick(set, &tried), "Fa");
    cr_assert_str_eq(pick(set, &tried), "-");
    peerSetDestroy(&set);
}

Test(peer, round_robin_takes_turns_by_weight)
{
    ConfigPeer peers[] = {{.name = A},
                          {.name = B, .isRoundRobin = true},
                          {.name = C, .isRoundRobin = true, .weight = 3}};
    PeerSet *set = makeSet(peers, 3, NULL);
    int turns[128] = {0};

    for (int i = 0; i < 40; i++) {
        const char *text = pickFresh(set);
        cr_assert_eq(text[0], 'R');
        turns[(unsigned char)text[1]]++;
    }
    cr_assert_eq(turns['b'], 10);
    cr_assert_eq(turns['c'], 30);
    peerSetDestroy(&set);
}

Test(peer, dead_ones_are_left_out_for_a_while)
{
    ConfigPeer peers[] = {{.name = A}, {.name = B}};
    PeerSet *set = makeSet(peers, 2, NULL);

    peerSetFailed(set, "no such", "x", 5);
    peerSetFailed(set, "a", "refused", 5);
    cr_assert_str_eq(pickFresh(set), "Fb");
    peerSetFailed(set, "b", "refused", 6);
    cr_assert_str_eq(pickFresh(set), "-");
    peerSetRevive(set, 4 + PEER_DEAD_US);
    cr_assert_str_eq(pickFresh(set), "-");
    peerSetRevive(set, 5 + PEER_DEAD_US);
    cr_assert_str_eq(pickFresh(set), "Fa");
    peerSetWorked(set, "b");
    cr_assert_str_eq(pickFresh(set), "Fa");
    peerSetFailed(set, "a", "refused", 7 + PEER_DEAD_US);
    cr_assert_str_eq(pickFresh(set), "Fb");
    peerSetDestroy(&set);
}

/* A reconfigure keeps what is known of those that stay. */
Test(peer, a_new_set_inherits)
{
    ConfigPeer before[] = {{.name = A}, {.name = B}};
    ConfigPeer after[] = {{.name = C}, {.name = B}, {.name = A}};
    PeerSet *set = makeSet(before, 2, NULL);
    uint64_t tried = 0;

    peerSetFailed(set, "b", "refused", 5);
    set = makeSet(after, 3, set);
    cr_assert_str_eq(pick(set, &tried), "Fc");
    cr_assert_str_eq(pick(set, &tried), "Fa");
    cr_assert_str_eq(pick(set, &tried), "-");
    peerSetDestroy(&set);
}

Test(peer, web_servers_and_proxies_are_told_apart)
{
    ConfigPeer peers[] = {
        {.name = A}, {.name = B, .isOriginServer = true}, {.name = C}};
    PeerSet *set = makeSet(peers, 3, NULL);
    uint64_t tried = peerSetKind(set, true);

    cr_expect_eq(tried, 2);
    cr_expect_str_eq(pick(set, &tried), "Fa");
    cr_expect_str_eq(pick(set, &tried), "Fc");
    cr_expect_str_eq(pick(set, &tried), "-");
    tried = peerSetKind(set, false);
    cr_expect_eq(tried, 5);
    cr_expect_str_eq(pick(set, &tried), "Fb");
    cr_expect_str_eq(pick(set, &tried), "-");
    peerSetDestroy(&set);
}

Test(peer, one_may_fail_as_often_as_it_is_told)
{
    ConfigPeer peers[] = {{.name = A, .failMax = 2}, {.name = B}};
    PeerSet *set = makeSet(peers, 2, NULL);
    uint64_t tried = 0;

    peerSetFailed(set, "a", "refused", 1000);
    cr_expect_str_eq(pick(set, &tried), "Fa");
    peerSetWorked(set, "a");
    peerSetFailed(set, "a", "refused", 1000);
    tried = 0;
    cr_expect_str_eq(pick(set, &tried), "Fa", "not twice in turn");
    peerSetFailed(set, "a", "refused", 1000);
    tried = 0;
    cr_expect_str_eq(pick(set, &tried), "Fb");
    peerSetDestroy(&set);
}

static const char *
pickUrl(PeerSet *set, unsigned number)
{
    static char url[64];

    snprintf(url, sizeof(url), "http://host/%u", number);
    query.url = url;
    return pickFresh(set);
}

Test(peer, carp_gives_each_url_its_parent_by_weight)
{
    ConfigPeer peers[] = {{.name = A, .isCarp = true},
                          {.name = B, .isCarp = true, .weight = 3},
                          {.name = C}};
    PeerSet *set = makeSet(peers, 3, NULL);
    char first[1000];
    unsigned ofA = 0, moved = 0;

    for (unsigned i = 0; i < sizeof(first); i++) {
        const char *text = pickUrl(set, i);
        cr_assert_eq(text[0], 'U');
        first[i] = text[1];
        ofA += text[1] == 'a';
    }
    cr_expect(ofA > 200 && ofA < 300, "%u of 1000 at weight 1 of 4", ofA);
    for (unsigned i = 0; i < sizeof(first); i++)
        moved += pickUrl(set, i)[1] != first[i];
    cr_expect_eq(moved, 0);
    peerSetDestroy(&set);
}

Test(peer, the_others_keep_their_urls_when_one_is_dead)
{
    ConfigPeer peers[] = {{.name = A, .isCarp = true},
                          {.name = B, .isCarp = true},
                          {.name = C, .isCarp = true}};
    PeerSet *set = makeSet(peers, 3, NULL);
    char first[300];

    for (unsigned i = 0; i < sizeof(first); i++)
        first[i] = pickUrl(set, i)[1];
    peerSetFailed(set, B, "test", 1);
    for (unsigned i = 0; i < sizeof(first); i++) {
        char now = pickUrl(set, i)[1];
        cr_expect(first[i] == 'b' ? now != 'b' : now == first[i]);
    }
    peerSetDestroy(&set);
}

Test(peer, users_then_addresses_then_urls)
{
    ConfigPeer peers[] = {{.name = A, .isCarp = true},
                          {.name = B, .isSourceHash = true},
                          {.name = C, .isUserHash = true}};
    PeerSet *set = makeSet(peers, 3, NULL);
    uint64_t tried = 0;

    query = (PeerQuery){.url = "u", .client = "c", .user = "n"};
    cr_expect_str_eq(pick(set, &tried), "Nc");
    cr_expect_str_eq(pick(set, &tried), "Sb");
    cr_expect_str_eq(pick(set, &tried), "Ua");
    query.user = NULL; /* of nobody: by the address */
    cr_expect_str_eq(pickFresh(set), "Sb");
    peerSetDestroy(&set);
}
