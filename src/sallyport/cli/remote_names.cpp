#include <sallyport/cli/remote_names.hpp>

#include <array>
#include <chrono>
#include <ctime>
#include <map>
#include <mutex>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <sallyport/base/unique_fd.hpp>

namespace sallyport::cli {
namespace {

/// A key that was pressed ends the wait earlier.
constexpr int wait_ms = 500;
constexpr auto lifetime = std::chrono::seconds(60);
constexpr std::size_t max_directories = 500;

std::vector<known_name> names_of_entries(const client::listing_report& listing) {
    std::vector<known_name> out;
    for (const auto& e : listing.entries)
        if (e.type != proto::entry_type::current && e.type != proto::entry_type::parent)
            out.push_back({e.name, e.type == proto::entry_type::directory});
    return out;
}

net::task<client::outcome<void>> list_on(client::session& on, const std::string& directory, std::vector<known_name>& out) {
    auto got = co_await on.list(directory, std::time(nullptr));
    if (!got) co_return std::unexpected(std::move(got.error()));
    out = names_of_entries(*got);
    co_return client::outcome<void>{};
}

}  // namespace

struct remote_names::listings {
    struct listing {
        /// Nothing until the answer has arrived.
        std::optional<std::vector<known_name>> names;
        net::clock::time_point at = net::clock::now();
    };
    std::mutex mutex;
    std::map<std::string, listing> by_directory;
    /// Readable when an answer has arrived.
    unique_fd arrived{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)};

    [[nodiscard]] std::optional<std::vector<known_name>> find(const std::string& directory) {
        const std::lock_guard lock(mutex);
        const auto found = by_directory.find(directory);
        return found == by_directory.end() ? std::nullopt : found->second.names;
    }
    /// False: its listing is on its way, or known.
    [[nodiscard]] bool begin(const std::string& directory) {
        const std::lock_guard lock(mutex);
        std::erase_if(by_directory, [now = net::clock::now()](const auto& each) {
            return each.second.names && now - each.second.at > lifetime;
        });
        if (by_directory.size() >= max_directories) by_directory.clear();
        return by_directory.try_emplace(directory).second;
    }
    /// Nothing: it could not be listed, which is tried again when it is asked for.
    void add(const std::string& directory, std::optional<std::vector<known_name>> names) {
        const std::lock_guard lock(mutex);
        // Another command may have made it forgotten meanwhile.
        const auto found = by_directory.find(directory);
        if (found != by_directory.end() && names)
            found->second = {std::move(names), net::clock::now()};
        else if (found != by_directory.end())
            by_directory.erase(found);
        (void)!::eventfd_write(arrived.get(), 1);
    }

    static net::task<> fill(client::pool& on, std::string directory, std::shared_ptr<listings> into) {
        std::vector<known_name> names;
        const client::pool::work what = [&](client::session& link, int /*try_number*/) {
            return list_on(link, directory, names);
        };
        const auto got = co_await on.run(what);
        if (got)
            into->add(directory, std::move(names));
        else
            into->add(directory, std::nullopt);
    }
};

remote_names::remote_names(kept_site& site) : site_(site), listings_(std::make_shared<listings>()) {}

std::optional<std::vector<known_name>> remote_names::in(const std::string& directory) {
    if (listings_->begin(directory))
        site_.start([directory, into = listings_](client::pool& on) { return listings::fill(on, directory, into); });
    const auto until = net::clock::now() + std::chrono::milliseconds(wait_ms);
    for (;;) {
        if (auto found = listings_->find(directory)) return found;
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - net::clock::now()).count();
        std::array<pollfd, 2> events{{{STDIN_FILENO, POLLIN, 0}, {listings_->arrived.get(), POLLIN, 0}}};
        if (left <= 0 || ::poll(events.data(), events.size(), static_cast<int>(left)) <= 0 || events[0].revents != 0)
            return std::nullopt;
        ::eventfd_t count = 0;
        (void)!::eventfd_read(listings_->arrived.get(), &count);
    }
}

void remote_names::forget() {
    const std::lock_guard lock(listings_->mutex);
    listings_->by_directory.clear();
}

}  // namespace sallyport::cli
