// SPDX-License-Identifier: BSD-3-Clause
/*
 * std::unordered_map and one mutex: what servers in C++ begin with. Two tables:
 *
 * "unordered" is that of passthrough_hp of libfuse (example/passthrough_hp.cc at e8d407ce):
 * the map owns the inodes, the key is hashed by ino ^ dev, the nodeid is the inode's
 * address and requests trust it. nlookup is atomic and is raised under the map's mutex; a
 * forget lowers it under the inode's own, and to remove an inode takes the map's, finds it
 * again by key, and looks again.
 *
 * "two-maps" is the same with nodeids that are numbers and are looked up, as a server needs
 * that does not trust its kernel or guest: two maps and one mutex, the shape of go-fuse's
 * (fs/bridge.go at 5104b2cb). Names are a third map under the same mutex, as libfuse's
 * high-level library has them.
 */
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>

#include "table.h"

namespace
{

bool operator==(const bench_key &a, const bench_key &b)
{
	return a.ino == b.ino && a.dev == b.dev;
}

struct KeyHash {
	size_t operator()(const bench_key &key) const
	{
		return key.ino ^ key.dev;
	}
};

struct KeyEqual {
	bool operator()(const bench_key &a, const bench_key &b) const
	{
		return a == b;
	}
};

template <typename Value>
using KeyMap = std::unordered_map<bench_key, Value, KeyHash, KeyEqual>;

template <typename Table> void destroy(void *table)
{
	delete static_cast<Table *>(table);
}

template <typename Table>
void forget_batch(void *table, const bench_forget *batch, size_t count)
{
	for (size_t i = 0; i < count; i++)
		Table::forget(table, batch[i].id, batch[i].n);
}

struct Unordered {
	struct Inode {
		int fd = -1;
		bench_key key;
		std::atomic<uint64_t> nlookup{0};
		std::mutex m;
	};

	std::mutex mutex;
	KeyMap<Inode> inodes;

	static Inode *of_id(uint64_t id)
	{
		return reinterpret_cast<Inode *>(static_cast<uintptr_t>(id));
	}

	static void *create(bool)
	{
		return new Unordered;
	}

	static uint64_t lookup(void *table, const bench_key *key)
	{
		auto t = static_cast<Unordered *>(table);
		std::lock_guard<std::mutex> guard(t->mutex);
		Inode &inode = t->inodes[*key];

		if (inode.fd == -1) {
			inode.fd = bench_fd(key);
			inode.key = *key;
		}
		inode.nlookup.fetch_add(1, std::memory_order_relaxed);
		return reinterpret_cast<uintptr_t>(&inode);
	}

	static int use(void *, uint64_t id)
	{
		return of_id(id)->fd;
	}

	static void forget(void *table, uint64_t id, uint64_t n)
	{
		auto t = static_cast<Unordered *>(table);
		Inode *inode = of_id(id);
		bench_key key;

		{
			std::lock_guard<std::mutex> own(inode->m);

			key = inode->key;
			if (inode->nlookup.fetch_sub(n, std::memory_order_acq_rel) != n)
				return;
		}
		std::lock_guard<std::mutex> guard(t->mutex);
		auto found = t->inodes.find(key);
		if (found == t->inodes.end() || found->second.nlookup.load() != 0)
			return;
		{
			// Another forget that came to 0 may not have left it yet.
			std::lock_guard<std::mutex> own(found->second.m);
		}
		t->inodes.erase(found);
	}

	static void evict_all(void *table)
	{
		static_cast<Unordered *>(table)->inodes.clear();
	}

	static uint64_t count(void *table)
	{
		return static_cast<Unordered *>(table)->inodes.size();
	}
};

struct TwoMaps {
	struct Inode {
		int fd;
		uint64_t id;
		bench_key key;
		uint64_t nlookup; // under the mutex
	};

	struct Name {
		uint64_t dir;
		std::string name;

		bool operator==(const Name &other) const
		{
			return dir == other.dir && name == other.name;
		}
	};

	struct NameHash {
		size_t operator()(const Name &name) const
		{
			return std::hash<std::string>()(name.name) ^ name.dir;
		}
	};

	using Ref = std::shared_ptr<Inode>;

	std::mutex mutex;
	KeyMap<Ref> by_key;
	std::unordered_map<uint64_t, Ref> by_id;
	std::unordered_map<Name, Ref, NameHash> names;
	uint64_t next_id = 2;

	static void *create(bool)
	{
		return new TwoMaps;
	}

	static uint64_t lookup(void *table, const bench_key *key)
	{
		auto t = static_cast<TwoMaps *>(table);
		std::lock_guard<std::mutex> guard(t->mutex);
		Ref &inode = t->by_key[*key];

		if (!inode) {
			inode = std::make_shared<Inode>(
				Inode{bench_fd(key), t->next_id++, *key, 0});
			t->by_id.emplace(inode->id, inode);
		}
		inode->nlookup++;
		return inode->id;
	}

	Ref get(uint64_t id)
	{
		std::lock_guard<std::mutex> guard(mutex);
		auto found = by_id.find(id);

		return found == by_id.end() ? nullptr : found->second;
	}

	static int use(void *table, uint64_t id)
	{
		Ref inode = static_cast<TwoMaps *>(table)->get(id);

		return inode ? inode->fd : -1;
	}

	static void forget(void *table, uint64_t id, uint64_t n)
	{
		auto t = static_cast<TwoMaps *>(table);
		Ref last; // freed after the mutex
		std::lock_guard<std::mutex> guard(t->mutex);
		auto found = t->by_id.find(id);

		if (found == t->by_id.end())
			return;
		found->second->nlookup -= std::min(n, found->second->nlookup);
		if (found->second->nlookup != 0)
			return;
		last = std::move(found->second);
		t->by_key.erase(last->key);
		t->by_id.erase(found);
	}

	static void evict_all(void *table)
	{
		auto t = static_cast<TwoMaps *>(table);

		t->names.clear();
		t->by_id.clear();
		t->by_key.clear();
	}

	static uint64_t count(void *table)
	{
		return static_cast<TwoMaps *>(table)->by_id.size();
	}

	static void name_add(void *table, uint64_t dir, const char *name, uint64_t id)
	{
		auto t = static_cast<TwoMaps *>(table);
		std::lock_guard<std::mutex> guard(t->mutex);

		t->names[Name{dir, name}] = t->by_id.at(id);
	}

	static uint64_t name_find(void *table, uint64_t dir, const char *name)
	{
		auto t = static_cast<TwoMaps *>(table);
		Name wanted{dir, name};
		std::lock_guard<std::mutex> guard(t->mutex);
		auto found = t->names.find(wanted);

		return found == t->names.end() ? 0 : found->second->id;
	}

	static void rename(void *table, uint64_t dir, const char *name, uint64_t newdir,
			   const char *newname)
	{
		auto t = static_cast<TwoMaps *>(table);
		Name from{dir, name}, to{newdir, newname};
		std::lock_guard<std::mutex> guard(t->mutex);
		auto node = t->names.extract(from);

		t->names.erase(to);
		if (node.empty())
			return;
		node.key() = std::move(to);
		t->names.insert(std::move(node));
	}
};

template <typename Table>
bench_table describe(const char *name, const char *server, bool checked_ids)
{
	bench_table table = {};

	table.name = name;
	table.server = server;
	table.checked_ids = checked_ids;
	table.weak_keys = "prime";
	table.create = Table::create;
	table.destroy = destroy<Table>;
	table.lookup = Table::lookup;
	table.use = Table::use;
	table.forget = Table::forget;
	table.forget_batch = forget_batch<Table>;
	table.evict_all = Table::evict_all;
	table.inodes = Table::count;
	return table;
}

bench_table describe_two_maps()
{
	bench_table table = describe<TwoMaps>(
		"two-maps", "go-fuse's shape: std::unordered_map by key and by id, mutex",
		true);

	table.most = 1000000; // as "ordered"
	table.weak_names = "std";
	table.name_add = TwoMaps::name_add;
	table.name_find = TwoMaps::name_find;
	table.rename = TwoMaps::rename;
	return table;
}

} // namespace

const bench_table bench_unordered = describe<Unordered>(
	"unordered", "libfuse passthrough_hp: std::unordered_map, mutex", false);
const bench_table bench_two_maps = describe_two_maps();
