#include <sallyport/client/run_transfers.hpp>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <exception>
#include <iterator>
#include <memory>
#include <string>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include <sallyport/base/at_exit.hpp>
#include <sallyport/client/lanes.hpp>
#include <sallyport/client/part_download.hpp>
#include <sallyport/client/remote_change.hpp>
#include <sallyport/client/remote_file.hpp>
#include <sallyport/client/segmented_download.hpp>
#include <sallyport/net/event.hpp>
#include <sallyport/net/worker_pool.hpp>

namespace sallyport::client {

namespace {

using proto::verb;

/// Files whose bytes have arrived, and that wait for the disk while the connections go on.
constexpr std::size_t max_unfinished = 8;
constexpr net::pool_size threads_for_disk{.brief = 2, .sliced = 1, .threads = 4};

/// How many files move at a time, in order. One that has to begin again keeps its place.
class transfer_places {
public:
    transfer_places(net::loop& home, std::size_t count) : home_(home), free_(count) {}

    net::task<> take() {
        if (free_ > 0) {
            --free_;
            co_return;
        }
        net::event turn(home_);
        queue_.push_back(&turn);
        (void)co_await turn.wait(net::deadline::max());
    }
    void give_back() {
        if (queue_.empty()) {
            ++free_;
            return;
        }
        queue_.front()->set();
        queue_.pop_front();
    }

private:
    net::loop& home_;
    std::size_t free_;
    std::deque<net::event*> queue_;
};

/// What the work on one file needs; it outlives the work.
struct transfer_job {
    transfer& one;
    transfer_options how;
    transfer_counters& counters;
    /// Null: this machine has no threads for it.
    net::worker_pool* disk;
    transfer_places& places;
    /// A text transfer (;type=a) cannot be continued.
    bool can_resume = true;
    /// Another file will follow on the same connection, so that its data connection can be negotiated meanwhile.
    bool is_followed = false;
    /// How far any try has come: a later one counts only what is beyond. Not 0: this run has written to the target.
    std::uint64_t farthest = 0;
    /// A failure after which the work must not be begun again: a part was appended.
    std::optional<failure> final_failure{};
    /// Received completely, but not synced and named yet.
    std::optional<part_file> received{};

    [[nodiscard]] progress count_progress() {
        return [this](std::uint64_t done, std::optional<std::uint64_t> /*size*/) {
            if (done > farthest) counters.bytes += done - std::exchange(farthest, done);
        };
    }
};

std::unexpected<failure> failed_locally(error why, std::string action) {
    return std::unexpected(failure::of_local_file(std::move(why), std::move(action)));
}

net::task<std::optional<std::int64_t>> time_on_server(session& on, const transfer_job& job) {
    if (job.one.listed && job.one.listed->modified) co_return job.one.listed->modified;
    const auto reply = co_await on.request(verb::mdtm, job.one.remote);
    if (!reply) co_return std::nullopt;
    co_return time_in(*reply);
}

/// For a file that was not listed; one without a known size is transferred.
net::task<bool> is_too_large(session& on, const transfer_job& job) {
    if (job.how.max_size == 0 || job.one.listed) co_return false;
    const auto facts = co_await on.stat(job.one.remote);
    co_return facts && facts->has_size && facts->size > job.how.max_size;
}

/// False if the options say that the local file stays.
net::task<outcome<bool>> is_wanted(session& on, const transfer_job& job) {
    const bool too_large = co_await is_too_large(on, job);
    if (too_large) {
        job.one.warnings.emplace_back("skipped, because it is larger than the maximum");
        co_return false;
    }
    if (job.how.existing == existing_file::replace) co_return true;
    const auto there = job.one.tree->status(job.one.local);
    if (!there) co_return failed_locally(there.error(), "looking for the local file");
    if (!*there) co_return true;
    if (job.how.existing == existing_file::keep) co_return false;
    const auto time = co_await time_on_server(on, job);
    if (!time) job.one.warnings.emplace_back("replaced without comparing, because the server does not report its time");
    co_return !time || *time > (**there).modified;
}

/// Deletes the server's file after its download, if the options say so.
net::task<outcome<void>> delete_source(session& on, const transfer_job& job, bool is_verified) {
    if (!job.how.then_delete) co_return outcome<void>{};
    if (!is_verified) {
        job.one.warnings.emplace_back("kept on the server, because the server did not report its size");
        co_return outcome<void>{};
    }
    auto removal = removing_file(job.one.remote, " after its download");
    const auto deleted = co_await on.apply(std::move(removal));
    if (!deleted) co_return std::unexpected(deleted.error());
    co_return outcome<void>{};
}

net::task<outcome<void>> download(session& on, int try_number, transfer_job& job) {
    auto& one = job.one;
    one.tries = try_number;
    one.warnings.clear();
    const auto wanted = co_await is_wanted(on, job);
    if (!wanted) co_return std::unexpected(wanted.error());
    if (!*wanted) {
        one.state = transfer_state::skipped;
        co_return outcome<void>{};
    }
    const bool resume = job.how.resume || (try_number > 1 && job.can_resume);
    auto file = job.one.tree->open_part(one.local, resume);
    if (!file) co_return failed_locally(file.error(), "opening the local file");
    download_resume from{.wanted = resume};
    // The listing may be old by now: a file that is continued, or that had another size than listed, is asked for again.
    if (try_number == 1 && !file->recorded()) from.listed = one.listed;
    auto received = co_await receive(on, one.remote, *file, std::move(from), job.count_progress());
    if (received && job.how.keep_times)
        if (const auto time = co_await time_on_server(on, job)) file->set_modified(*time);
    // The next file need not wait for the disk.
    const bool can_wait = received && !job.how.then_delete;
    if (can_wait) job.received.emplace(std::move(*file));
    auto got = can_wait ? std::move(received) : finish(*file, std::move(received), one.partial_file);
    if (!got) co_return std::unexpected(std::move(got.error()));
    one.bytes = got->bytes;
    std::ranges::move(got->warnings, std::back_inserter(one.warnings));
    co_return co_await delete_source(on, job, got->size.has_value());
}

/// Syncs and names the file, on a thread that may wait for the disk.
net::task<outcome<void>> finish_received(pool& connections, transfer_job& job) {
    const auto work = [&job] { return finish(*job.received, transfer_report{}, job.one.partial_file); };
    outcome<transfer_report> finished = transfer_report{};
    if (job.disk)
        finished = co_await net::offload(*job.disk, connections.home(), work);
    else
        finished = work();
    job.received.reset();
    if (!finished) co_return std::unexpected(std::move(finished.error()));
    co_return outcome<void>{};
}

/// MFMT, or MDTM with two arguments, which older servers understand.
net::task<> set_time_on_server(session& on, std::string path, std::int64_t seconds, transfer_counters& counters) {
    if (counters.times_refused || on.set_time_later(path, seconds)) co_return;
    const std::string argument = proto::format_time(seconds) + ' ' + path;
    for (const auto how : {verb::mfmt, verb::mdtm}) {
        const auto reply = co_await on.request(how, argument);
        if (!reply || reply->positive()) co_return;
        // A refusal for this file only; servers without MFMT answer 500 or 502.
        if (how == verb::mfmt && reply->code / 10 != 50) co_return;
    }
    counters.times_refused = true;
}

upload_mode mode_of(const transfer_job& job) {
    if (job.how.upload == upload_mode::append || job.how.upload == upload_mode::unique) return job.how.upload;
    // Only what this run has begun to store: the file that was there before may have the same size and end.
    const bool resume = job.how.resume || (job.farthest > 0 && job.can_resume);
    return resume ? upload_mode::resume : upload_mode::replace;
}

bool is_unchanged(int file, const struct ::stat& before) {
    struct ::stat now{};
    return ::fstat(file, &now) == 0 && now.st_size == before.st_size && now.st_mtim.tv_sec == before.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == before.st_mtim.tv_nsec;
}

/// Deletes the local file after its upload, unless something speaks against it.
outcome<void> delete_source(transfer& one, bool is_verified, bool unchanged) {
    if (!is_verified || !unchanged) {
        one.warnings.emplace_back(unchanged ? "kept, because the server did not report the size of its file"
                                            : "kept, because it was changed during the upload");
        return {};
    }
    if (auto removed = one.tree->remove_file(one.local); !removed)
        return failed_locally(removed.error(), "removing " + one.tree->shown(one.local) + " after its upload");
    return {};
}

net::task<outcome<void>> upload(session& on, int try_number, transfer_job& job) {
    auto& one = job.one;
    one.tries = try_number;
    one.warnings.clear();
    const auto file = job.one.tree->open_file(one.local);
    if (!file) co_return failed_locally(file.error(), "opening the local file");
    struct ::stat about{};
    if (::fstat(file->get(), &about) != 0) co_return failed_locally(error{errc::io, errno, one.local}, "reading its time");
    const auto mode = mode_of(job);
    const bool unique = mode == upload_mode::unique;
    auto target = job.how.temp_name ? one.remote + ".part" : one.remote;
    auto place = unique ? directory_part(one.remote) : target;
    const upload_source source{file->get()};
    auto put = co_await on.put(source, std::move(place), mode, job.count_progress());
    if (!put && job.how.upload != upload_mode::replace && job.farthest > 0) {
        job.final_failure = std::move(put.error());
        co_return outcome<void>{};
    }
    if (!put) co_return std::unexpected(std::move(put.error()));
    one.stored_as = put->stored_as;
    one.moved_away = put->moved_away;
    if (unique) target = one.stored_as.empty() ? std::string() : directory_part(one.remote) + one.stored_as;
    one.bytes = put->bytes;
    std::ranges::move(put->warnings, std::back_inserter(one.warnings));
    if (job.how.keep_times && !target.empty()) co_await set_time_on_server(on, target, about.st_mtim.tv_sec, job.counters);
    if (job.how.temp_name) {
        auto final_name = renaming(target, one.remote);
        const auto renamed = co_await on.apply(std::move(final_name));
        if (!renamed) co_return std::unexpected(renamed.error());
    }
    if (!job.how.then_delete) co_return outcome<void>{};
    co_return delete_source(one, put->size.has_value(), is_unchanged(file->get(), about));
}

// ---- Downloads in segments

/// What the server says of the file before its segments are received; it must say the same afterwards.
struct file_facts {
    bool is_wanted = true;
    std::optional<std::uint64_t> size;
    std::optional<std::int64_t> modified;

    [[nodiscard]] std::optional<file_version> version() const {
        if (!size || !modified) return std::nullopt;
        return file_version{*size, *modified};
    }
};

net::task<outcome<void>> query_facts(session& on, transfer_job& job, file_facts& out) {
    const auto wanted = co_await is_wanted(on, job);
    if (!wanted) co_return std::unexpected(wanted.error());
    out.is_wanted = *wanted;
    const auto entry = co_await on.stat(job.one.remote);
    if (!entry) co_return std::unexpected(entry.error());
    if (entry->has_size) out.size = entry->size;
    if (entry->has_modified) out.modified = entry->modified;
    co_return outcome<void>{};
}

/// All segments have been received.
net::task<outcome<void>> check_whole(session& on, transfer_job& job, const file_facts& before, const part_file& file) {
    const auto now = co_await on.stat(job.one.remote);
    if (!now) co_return std::unexpected(now.error());
    const bool is_same =
        now->has_size && now->size == before.size && (!before.modified || now->modified == *before.modified);
    if (!is_same) {
        const error cause{errc::unexpected, 0, "the server's file was changed during the download; get it again"};
        co_return std::unexpected(failure{step::verification, cause, 0, "getting " + job.one.remote, {}});
    }
    const auto verified = co_await on.verify(job.one.remote, file.get(), *before.size);
    if (!verified) co_return std::unexpected(verified.error());
    if (job.how.keep_times && before.modified) file.set_modified(*before.modified);
    co_return outcome<void>{};
}

/// The server cannot send a part of a file, or sent something else.
bool needs_one_connection(const failure& f) {
    return f.at != step::verification && (f.cause.code == errc::unsupported || f.cause.code == errc::unexpected);
}

/// Leaves what can be continued: the bytes before the first gap.
void keep_beginning(part_file& file, std::uint64_t bytes, const std::optional<file_version>& version) {
    if (::ftruncate(file.get(), static_cast<off_t>(bytes)) == 0) file.record(version);
}

net::task<outcome<void>> receive_segments(pool& connections, transfer_job& job, const file_facts& facts, part_file& file) {
    segmented_file what{job.one.remote, *facts.size, file.get(), job.how.segments, {}};
    what.on_bytes = [&job](std::uint64_t bytes) { job.counters.bytes += bytes; };
    auto received = co_await download_in_segments(connections, what);
    if (!received.got) {
        keep_beginning(file, received.contiguous, facts.version());
        co_return std::unexpected(std::move(received.got.error()));
    }
    const pool::work check = [&](session& on, int /*try_number*/) { return check_whole(on, job, facts, file); };
    co_return co_await connections.run(check);
}

/// `plain`: the download over one connection, for files that are too small and servers that cannot.
net::task<outcome<void>> download_segments(pool& connections, transfer_job& job, const pool::work& plain) {
    auto& one = job.one;
    one.tries = 1;
    file_facts facts;
    const pool::work query = [&](session& on, int /*try_number*/) { return query_facts(on, job, facts); };
    auto queried = co_await connections.run(query);
    if (!queried) co_return std::unexpected(std::move(queried.error()));
    if (!facts.is_wanted || facts.size.value_or(0) < 2 * min_segment) co_return co_await connections.run(plain);
    auto file = one.tree->open_part(one.local, job.how.resume);
    if (!file) co_return failed_locally(file.error(), "opening the local file");
    if (file->recorded()) {
        one.partial_file = file->abandon();
        co_return co_await connections.run(plain);
    }
    // What an earlier run has left is not what is received now.
    file->record({});
    if (::ftruncate(file->get(), 0) != 0) co_return failed_locally(error{errc::io, errno, one.local}, "emptying it");
    auto received = co_await receive_segments(connections, job, facts, *file);
    if (!received && needs_one_connection(received.error())) {
        const auto why = received.error().cause.text();
        file->record({});
        one.partial_file = file->abandon();
        auto got = co_await connections.run(plain);
        one.warnings.push_back("received over one connection, because " + why);
        co_return got;
    }
    if (!received) {
        one.partial_file = file->abandon();
        co_return received;
    }
    one.bytes = *facts.size;
    job.received.emplace(std::move(*file));
    if (!job.how.then_delete) co_return received;
    auto finished = co_await finish_received(connections, job);
    if (!finished) co_return finished;
    const pool::work removal = [&job](session& on, int /*try_number*/) { return delete_source(on, job, true); };
    co_return co_await connections.run(removal);
}

std::unique_ptr<net::worker_pool> start_threads_for_disk() {
    try {
        return std::make_unique<net::worker_pool>(threads_for_disk);
    } catch (const std::exception&) {
        return nullptr;
    }
}

net::task<outcome<void>> move_one(pool& connections, transfer_job& job) {
    co_await job.places.take();
    const at_exit leave([&job] { job.places.give_back(); });
    const pool::work what = [&job](session& on, int try_number) {
        if (!job.is_followed) on.set_pipelining(false);
        return job.one.way == direction::download ? download(on, try_number, job) : upload(on, try_number, job);
    };
    const bool in_segments = job.how.segments > 1 && job.one.way == direction::download && job.can_resume;
    auto running = in_segments ? download_segments(connections, job, what) : connections.run(what);
    co_return co_await std::move(running);
}

net::task<> run_one(pool& connections, transfer_job job) {
    if (job.one.state != transfer_state::waiting) co_return;
    auto got = co_await move_one(connections, job);
    if (got && job.received) {
        auto finished = co_await finish_received(connections, job);
        got = std::move(finished);
    }
    if (got && job.final_failure) got = std::unexpected(std::move(*job.final_failure));
    auto& one = job.one;
    if (got && one.state == transfer_state::skipped) {
        ++job.counters.skipped;
    } else if (got) {
        one.state = transfer_state::done;
        ++job.counters.done;
    } else {
        const bool is_cancelled = connections.is_cancelled();
        one.state = is_cancelled ? transfer_state::cancelled : transfer_state::failed;
        one.why = std::move(got.error());
        if (!is_cancelled) ++job.counters.failed;
    }
}

}  // namespace

net::task<> run_transfers(pool& connections, std::vector<transfer>& all, transfer_options how, transfer_counters& counters) {
    const auto lanes = connections.lanes();
    const bool receives = std::ranges::find(all, direction::download, &transfer::way) != all.end();
    const auto disk = receives ? start_threads_for_disk() : nullptr;
    transfer_places places(connections.home(), lanes);
    co_await run_each(connections.home(), lanes + (receives ? max_unfinished : 0), all.size(), [&](std::size_t i) {
        transfer_job job{all[i], how, counters, disk.get(), places};
        job.can_resume = !connections.site().ascii;
        job.is_followed = i + lanes < all.size();
        return run_one(connections, std::move(job));
    });
}

}  // namespace sallyport::client
