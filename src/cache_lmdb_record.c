/* Keys and values of the database of stored responses. */
#include "cache_lmdb_priv.h"

#include <endian.h>
#include <stdlib.h>

#include <xxhash.h>

#include "check.h"
#include "xalloc.h"

#define SUM_SIZE sizeof(((CacheLmdbRecord *)0)->sum)

void
cacheLmdbPutNumber(uint8_t out[8], uint64_t number)
{
    uint64_t big = htobe64(number);

    memcpy(out, &big, sizeof(big));
}

MDB_val
cacheLmdbNumber(uint8_t out[8], uint64_t number)
{
    cacheLmdbPutNumber(out, number);
    return cacheLmdbVal(out, sizeof(number));
}

uint64_t
cacheLmdbGetNumber(const void *octets)
{
    uint64_t big;

    memcpy(&big, octets, sizeof(big));
    return be64toh(big);
}

MDB_val
cacheLmdbObjectKey(CacheLmdbObjectKey *key, const uint8_t *digest, uint64_t seq)
{
    memcpy(key->digest, digest, sizeof(key->digest));
    cacheLmdbPutNumber(key->seq, ~seq);
    return cacheLmdbVal(key, sizeof(*key));
}

uint64_t
cacheLmdbObjectSeq(const MDB_val *key)
{
    CHECK(key->mv_size == sizeof(CacheLmdbObjectKey));
    return ~cacheLmdbGetNumber((const char *)key->mv_data + CACHE_LMDB_DIGEST);
}

MDB_val
cacheLmdbBodyKey(CacheLmdbBodyKey *key, uint64_t id, uint32_t chunk)
{
    uint32_t big = htobe32(chunk);

    cacheLmdbPutNumber(key->id, id);
    memcpy(key->chunk, &big, sizeof(big));
    return cacheLmdbVal(key, sizeof(*key));
}

MDB_val
cacheLmdbVal(const void *data, size_t len)
{
    return (MDB_val){.mv_size = len, .mv_data = (void *)(uintptr_t)data};
}

static void
put(char **at, HttpSlice text)
{
    if (text.len)
        memcpy(*at, text.data, text.len);
    *at += text.len;
}

char *
cacheLmdbEncode(const CacheLmdbRecord *record, const CacheStored *stored,
                HttpSlice url, HttpSlice small, size_t *lenOut)
{
    HttpSlice etag = stored->validators.etag;
    CacheLmdbRecord head = *record;

    head.lastModified = stored->validators.lastModified;
    head.date = stored->validators.date;
    head.freshness = *stored->freshness;
    head.status = (uint32_t)stored->status;
    head.urlLen = (uint32_t)url.len;
    head.namesLen = (uint32_t)stored->varyNames.len;
    head.valuesLen = (uint32_t)stored->varyValues.len;
    head.etagLen = (uint32_t)etag.len;
    head.hasEtag = etag.data != NULL;
    head.headLen = (uint32_t)stored->head.len;
    head.smallLen = (uint32_t)small.len;
    *lenOut = sizeof(head) + url.len + stored->varyNames.len +
              stored->varyValues.len + etag.len + stored->head.len + small.len;
    char *data = xmalloc(*lenOut), *at = data;
    put(&at, httpSlice((const char *)&head, sizeof(head)));
    put(&at, url);
    put(&at, stored->varyNames);
    put(&at, stored->varyValues);
    put(&at, etag);
    put(&at, stored->head);
    put(&at, small);
    return data;
}

static uint64_t
sumOf(const char *data, size_t len, const void *key, size_t keyLen)
{
    return XXH3_64bits_withSeed(data, len, XXH3_64bits(key, keyLen));
}

void
cacheLmdbSeal(char *data, size_t len, const CacheLmdbObjectKey *key)
{
    uint64_t sum = sumOf(data + SUM_SIZE, len - SUM_SIZE, key, sizeof(*key));

    memcpy(data, &sum, SUM_SIZE);
}

uint64_t
cacheLmdbChunkSum(const CacheLmdbBodyKey *key, const void *data, size_t len)
{
    return sumOf(data, len, key, sizeof(*key));
}

static HttpSlice
take(const char **at, uint32_t len)
{
    HttpSlice text = httpSlice(*at, len);

    *at += len;
    return text;
}

bool
cacheLmdbDecodeData(const char *data, size_t len, CacheLmdbStored *out)
{
    CacheLmdbRecord *record = &out->record;
    const char *at = data + sizeof(*record);

    if (len < sizeof(*record))
        return false;
    memcpy(record, data, sizeof(*record));
    if (len != sizeof(*record) + (uint64_t)record->urlLen + record->namesLen +
                   record->valuesLen + record->etagLen + record->headLen +
                   record->smallLen)
        return false;
    out->url = take(&at, record->urlLen);
    out->stored = (CacheStored){
        .status = (int)record->status,
        .freshness = &record->freshness,
        .varyNames = take(&at, record->namesLen),
        .varyValues = take(&at, record->valuesLen),
    };
    HttpSlice etag = take(&at, record->etagLen);
    out->stored.validators = (HttpValidators){
        .etag = record->hasEtag ? etag : (HttpSlice){0},
        .lastModified = record->lastModified,
        .date = record->date,
    };
    out->stored.head = take(&at, record->headLen);
    out->small = take(&at, record->smallLen);
    return true;
}

bool
cacheLmdbDecode(const MDB_val *key, const MDB_val *val, CacheLmdbStored *out)
{
    const char *data = val->mv_data;
    uint64_t sum;

    if (val->mv_size < SUM_SIZE)
        return false;
    memcpy(&sum, data, SUM_SIZE);
    return sum == sumOf(data + SUM_SIZE, val->mv_size - SUM_SIZE, key->mv_data,
                        key->mv_size) &&
           cacheLmdbDecodeData(data, val->mv_size, out);
}
