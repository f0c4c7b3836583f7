/* fuzz_cache_record.c: records of stored responses, as a damaged file might
 * have them. */
#include "cache_lmdb_priv.h"
#include "check.h"
#include "fuzz.h"

const char fuzzName[] = "cache_record";

static bool
isWithin(HttpSlice text, const char *data, size_t len)
{
    return text.data == NULL || (text.data >= data && text.len <= len &&
                                 text.data <= data + len - text.len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const CacheLmdbObjectKey key;
    const char *text = (const char *)data;
    const MDB_val name = cacheLmdbVal(&key, sizeof(key));
    const MDB_val val = cacheLmdbVal(data, len);
    CacheLmdbStored out;

    cacheLmdbDecode(&name, &val, &out);
    if (!cacheLmdbDecodeData(text, len, &out))
        return 0;
    CHECK(isWithin(out.url, text, len) && isWithin(out.small, text, len) &&
          isWithin(out.stored.head, text, len) &&
          isWithin(out.stored.varyNames, text, len) &&
          isWithin(out.stored.varyValues, text, len) &&
          isWithin(out.stored.validators.etag, text, len));
    return 0;
}
