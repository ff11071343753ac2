// SPDX-License-Identifier: BSD-3-Clause
/*
 * Ordered trees and a read-write lock. Two tables:
 *
 * "ordered" is one std::map of shared_ptr, keyed by the inode number, which is the nodeid
 * too: Amir Goldstein's fuse_passthrough (passthrough/fuse_passthrough.cpp at e0e2440,
 * which has a mutex; here readers share). One device only.
 *
 * "three-maps" is that of virtiofsd (src/passthrough/inode_store.rs at f05db29): by nodeid
 * to the counted inode, by (ino, dev, mount) to the nodeid, by file handle to the nodeid,
 * under one RwLock. A lookup shares the lock, asks by handle, then by nodeid, and raises a
 * count that must not be 0; an insertion looks again under the lock; a forget always takes
 * it alone, a batch of them once. virtiofsd's maps are Rust's BTreeMap; abseil's btree_map
 * stands for it, being a B-tree of the same kind. Its file handles are 144 bytes long and
 * stored twice; here they are 24, which is kinder.
 */
#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <tuple>
#include <vector>

#include <absl/container/btree_map.h>

#include "table.h"

namespace
{

using ReadLock = std::shared_lock<std::shared_mutex>;
using WriteLock = std::lock_guard<std::shared_mutex>;

struct Inode {
	int fd;
	uint64_t id;
	bench_key key;
	std::atomic<uint64_t> nlookup;

	Inode(uint64_t id_, const bench_key &key_)
	    : fd(bench_fd(&key_)), id(id_), key(key_), nlookup(1)
	{
	}

	// Of an inode that is in the table, so it is not 0.
	uint64_t count()
	{
		nlookup.fetch_add(1, std::memory_order_relaxed);
		return id;
	}

	// Alone in the table. @return true if none are left
	bool uncount(uint64_t n)
	{
		uint64_t before = nlookup.load(std::memory_order_relaxed);

		nlookup.store(before - std::min(n, before), std::memory_order_relaxed);
		return n >= before;
	}
};

using Ref = std::shared_ptr<Inode>;

struct Ordered {
	std::shared_mutex lock;
	std::map<uint64_t, Ref> inodes;

	static uint64_t lookup(void *table, const bench_key *key)
	{
		auto t = static_cast<Ordered *>(table);

		{
			ReadLock guard(t->lock);
			auto found = t->inodes.find(key->ino);

			if (found != t->inodes.end())
				return found->second->count();
		}
		auto inode = std::make_shared<Inode>(key->ino, *key);
		WriteLock guard(t->lock);
		auto inserted = t->inodes.emplace(key->ino, inode);

		return inserted.second ? inode->id : inserted.first->second->count();
	}

	Ref find(uint64_t id)
	{
		auto found = inodes.find(id);

		return found == inodes.end() ? nullptr : found->second;
	}

	void forget_locked(uint64_t id, uint64_t n, Ref &last)
	{
		auto found = inodes.find(id);

		if (found == inodes.end() || !found->second->uncount(n))
			return;
		last = std::move(found->second);
		inodes.erase(found);
	}

	void clear()
	{
		inodes.clear();
	}
};

struct ThreeMaps {
	using Ids = std::tuple<uint64_t, uint64_t, uint64_t>;
	using Handle = std::tuple<uint64_t, uint64_t, uint64_t>;

	std::shared_mutex lock;
	absl::btree_map<uint64_t, Ref> inodes;
	absl::btree_map<Ids, uint64_t> by_ids;
	absl::btree_map<Handle, uint64_t> by_handle;
	std::atomic<uint64_t> next_id{2};

	static Ids ids_of(const bench_key &key)
	{
		return Ids(key.ino, key.dev, 0);
	}

	// A handle begins with its mount, and its type and length, as bytes compare.
	static Handle handle_of(const bench_key &key)
	{
		return Handle(key.dev, 8 | 1ull << 32, key.ino);
	}

	static uint64_t lookup(void *table, const bench_key *key)
	{
		auto t = static_cast<ThreeMaps *>(table);

		{
			ReadLock guard(t->lock);
			auto found = t->by_handle.find(handle_of(*key));

			if (found != t->by_handle.end())
				return t->inodes.find(found->second)->second->count();
		}
		auto inode = std::make_shared<Inode>(t->next_id++, *key);
		WriteLock guard(t->lock);
		auto inserted = t->by_handle.emplace(handle_of(*key), inode->id);

		if (!inserted.second)
			return t->inodes.find(inserted.first->second)->second->count();
		t->by_ids.emplace(ids_of(*key), inode->id);
		t->inodes.emplace(inode->id, inode);
		return inode->id;
	}

	Ref find(uint64_t id)
	{
		auto found = inodes.find(id);

		return found == inodes.end() ? nullptr : found->second;
	}

	void forget_locked(uint64_t id, uint64_t n, Ref &last)
	{
		auto found = inodes.find(id);

		if (found == inodes.end() || !found->second->uncount(n))
			return;
		last = std::move(found->second);
		by_handle.erase(handle_of(last->key));
		by_ids.erase(ids_of(last->key));
		inodes.erase(found);
	}

	void clear()
	{
		by_handle.clear();
		by_ids.clear();
		inodes.clear();
	}
};

template <typename Table> void *create(bool)
{
	return new Table;
}

template <typename Table> void destroy(void *table)
{
	delete static_cast<Table *>(table);
}

template <typename Table> int use(void *table, uint64_t id)
{
	auto t = static_cast<Table *>(table);
	Ref inode;

	{
		ReadLock guard(t->lock);

		inode = t->find(id);
	}
	return inode ? inode->fd : -1;
}

template <typename Table> void forget(void *table, uint64_t id, uint64_t n)
{
	auto t = static_cast<Table *>(table);
	Ref last; // goes after the lock
	WriteLock guard(t->lock);

	t->forget_locked(id, n, last);
}

template <typename Table>
void forget_batch(void *table, const bench_forget *batch, size_t count)
{
	auto t = static_cast<Table *>(table);
	std::vector<Ref> last(count);
	WriteLock guard(t->lock);

	for (size_t i = 0; i < count; i++)
		t->forget_locked(batch[i].id, batch[i].n, last[i]);
}

template <typename Table> void evict_all(void *table)
{
	auto t = static_cast<Table *>(table);
	WriteLock guard(t->lock);

	t->clear();
}

template <typename Table> uint64_t inodes(void *table)
{
	return static_cast<Table *>(table)->inodes.size();
}

template <typename Table> bench_table describe(const char *name, const char *server)
{
	bench_table table = {};

	table.name = name;
	table.server = server;
	table.most = 1000000; // ten million take minutes, five times
	table.checked_ids = true;
	table.create = create<Table>;
	table.destroy = destroy<Table>;
	table.lookup = Table::lookup;
	table.use = use<Table>;
	table.forget = forget<Table>;
	table.forget_batch = forget_batch<Table>;
	table.evict_all = evict_all<Table>;
	table.inodes = inodes<Table>;
	return table;
}

} // namespace

const bench_table bench_ordered = describe<Ordered>(
	"ordered", "Amir Goldstein's fuse_passthrough: std::map, read-write lock");
const bench_table bench_three_maps =
	describe<ThreeMaps>("three-maps", "virtiofsd: three ordered maps, read-write lock");
