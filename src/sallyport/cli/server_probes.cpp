#include <sallyport/cli/server_probes.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <random>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sallyport/base/ascii.hpp>
#include <sallyport/base/unique_fd.hpp>
#include <sallyport/base/wall_clock.hpp>
#include <sallyport/client/connection.hpp>
#include <sallyport/client/data_handler.hpp>
#include <sallyport/client/listing_collector.hpp>

namespace sallyport::cli {
namespace {

using proto::client_transfer;
using proto::verb;

constexpr std::string_view first_content = "A file of 'sallyport import compare'.\n";
constexpr std::string_view second_content = "It can be deleted.\n";

std::string random_directory() {
    std::random_device random;
    return fmt::format("sallyport-compare-{:08x}{:08x}", random(), random());
}

result<unique_fd> content_file(std::string_view content) {
    unique_fd out(::memfd_create("sallyport-compare", MFD_CLOEXEC));
    if (!out || ::write(out.get(), content.data(), content.size()) != std::ssize(content))
        return fail_os(errno, "cannot make the file of the upload");
    return out;
}

bool is_success(std::string_view code) { return code.starts_with('2'); }

/// One session, and what it has made.
class prober {
public:
    prober(net::loop& loop, const probe_settings& settings, server_probes& out)
        : settings_(settings), out_(out), connection_(loop, settings.how), scratch_(random_directory()) {}

    net::task<> run() {
        const bool opened = co_await open();
        if (!opened) co_return;
        co_await features();
        co_await commands();
        co_await make_scratch();
        co_await files();
        co_await names();
        co_await changes();
        co_await clean_up();
        if (connection_.is_open()) co_await connection_.quit();
    }

private:
    void add(std::string name, std::string value) { out_.results.push_back({std::move(name), std::move(value)}); }

    void keep(const client::connection::failure& why, std::string action) {
        if (out_.failure) return;
        out_.failure = client::failure{
            .at = why.at, .cause = why.cause, .reply_code = why.reply_code, .action = std::move(action), .causes = {}};
    }

    net::task<bool> open() {
        const auto& location = settings_.server;
        client::server_address server{location.host, location.port, location.tls, {}, {}};
        auto login = settings_.how.login.value_or(client::login_of(location));
        const auto failed = co_await connection_.open(std::move(server), client::open_depth::login, std::move(login));
        if (failed) {
            keep(*failed, fmt::format("connecting to {}", location.authority()));
            co_return false;
        }
        const bool tls = location.tls != client::tls_mode::none;
        add("TLS of the control connection", tls ? connection_.control().tls().version : std::string("none"));
        if (location.path.empty()) co_return true;
        const auto code = co_await code_of("CWD", location.path);
        if (!is_success(code) && !out_.failure)
            out_.failure = client::failure{.at = client::step::request,
                                           .cause = {errc::rejected, 0, fmt::format("the server replied {} to CWD", code)},
                                           .reply_code = connection_.facts().last_reply().code,
                                           .action = fmt::format("entering {} at {}", location.path, location.authority()),
                                           .causes = {}};
        co_return !out_.failure.has_value();
    }

    /// Nothing without a session, or if it ends here.
    net::task<std::optional<proto::reply>> reply_to(std::string_view name, std::string_view argument) {
        if (!connection_.is_open()) co_return std::nullopt;
        const auto action = fmt::format("sending {} to {}", name, settings_.server.authority());
        std::string sent(name);
        std::string with(argument);
        auto got = co_await connection_.named_request(std::move(sent), std::move(with));
        if (got) co_return std::move(*got);
        keep(got.error(), action);
        co_return std::nullopt;
    }

    /// The code of the reply.
    net::task<std::string> code_of(std::string_view name, std::string_view argument) {
        const auto got = co_await reply_to(name, argument);
        co_return got ? std::to_string(got->code) : std::string("no reply");
    }

    net::task<> try_command(std::string_view name, std::string_view argument) {
        auto label = argument.empty() ? std::string(name) : fmt::format("{} {}", name, argument);
        if (const auto at = label.find(scratch_); at != label.npos) label.replace(at, scratch_.size(), "NAME");
        auto code = co_await code_of(name, argument);
        add(std::move(label), std::move(code));
    }

    net::task<> features() {
        const auto got = co_await reply_to("FEAT", "");
        add("FEAT", got ? std::to_string(got->code) : "no reply");
        if (!got) co_return;
        for (const auto& line : got->lines) {
            const auto start = line.find_first_not_of(' ');
            // Features stand between the first and the last line.
            if (start == line.npos || &line == &got->lines.front() || &line == &got->lines.back()) continue;
            const auto word = line.substr(start, std::min(line.find_first_of(" ;", start), line.size()) - start);
            const auto label = "FEAT " + to_upper(word);
            if (std::ranges::find(out_.results, label, &probe_result::name) == out_.results.end()) add(label, "yes");
        }
    }

    /// Commands that change nothing: their names do not exist.
    net::task<> commands() {
        static constexpr auto without_name = std::to_array<std::array<const char*, 2>>({
            {"SYST", ""},
            {"PWD", ""},
            {"NOOP", ""},
            {"STAT", ""},
            {"HELP", ""},
            {"ALLO", "1"},
            {"STRU", "F"},
            {"MODE", "S"},
            {"TYPE", "A"},
            {"TYPE", "I"},
            {"OPTS", "UTF8 ON"},
            {"SITE", "HELP"},
            {"REST", "0"},
            {"AVBL", ""},
            {"CLNT", "sallyport"},
            {"NONSENSE", ""},
        });
        for (const auto& [name, argument] : without_name) co_await try_command(name, argument);
        static constexpr auto with_name = std::to_array<std::array<const char*, 2>>({
            {"CWD", ""},
            {"SIZE", ""},
            {"MDTM", ""},
            {"MLST", ""},
            {"MFMT", "20200101000000 "},
            {"DELE", ""},
            {"RMD", ""},
            {"RNFR", ""},
            {"SITE", "CHMOD 644 "},
            {"HASH", ""},
            {"XCRC", ""},
            {"XMD5", ""},
            {"XSHA1", ""},
            {"XSHA256", ""},
        });
        for (const auto& [name, before] : with_name) {
            const auto argument = before + scratch_;
            co_await try_command(name, argument);
        }
    }

    net::task<> make_scratch() {
        auto code = co_await code_of("MKD", scratch_);
        if (is_success(code)) directories_.insert(scratch_);
        add("make a directory", std::move(code));
    }

    [[nodiscard]] bool has_scratch() const { return directories_.contains(scratch_); }
    /// The name as it is listed.
    [[nodiscard]] std::string listed_name(const std::string& name) const {
        if (has_scratch()) return name;
        return name.starts_with('.') ? fmt::format(".{}-{}", scratch_, name.substr(1))
                                     : fmt::format("{}-{}", scratch_, name);
    }
    [[nodiscard]] std::string path_of(const std::string& name) const {
        return has_scratch() ? scratch_ + "/" + name : listed_name(name);
    }

    net::task<std::string> transfer(client_transfer order, client::data_handler& handler) {
        if (!connection_.is_open()) co_return "no session";
        const auto action = fmt::format("transferring data with {}", settings_.server.authority());
        const auto failed = co_await connection_.transfer(std::move(order), handler);
        if (!failed) co_return std::to_string(connection_.facts().last_reply().code);
        if (failed->reply_code != 0) co_return std::to_string(failed->reply_code);
        if (failed->at == client::step::data) co_return "no data connection";
        keep(*failed, action);
        co_return "interrupted";
    }

    net::task<std::string> upload(verb command, std::string path, std::uint64_t offset, std::string_view content) {
        const auto file = content_file(content);
        if (!file) {
            out_.failure = client::failure::of_local_file(file.error(), "making a file for the upload");
            co_return "no file";
        }
        client::file_sender sender(file->get(), offset, false, [](std::uint64_t) {});
        client_transfer order{.command = command, .path = path, .offset = offset};
        auto code = co_await transfer(std::move(order), sender);
        if (is_success(code)) files_.insert(path);
        co_return code;
    }

    /// The code, and how many bytes arrived.
    net::task<std::string> download(std::string path) {
        std::size_t bytes = 0;
        client::line_receiver lines([&bytes](std::string_view line) {
            bytes += line.size() + 1;
            return result<void>();
        });
        client_transfer order{.command = verb::retr, .path = std::move(path)};
        const auto code = co_await transfer(std::move(order), lines);
        co_return is_success(code) ? fmt::format("{}, {} bytes", code, bytes) : code;
    }

    net::task<std::map<std::string, proto::entry>> listed(std::string argument, std::string& code) {
        client::listing_collector entries(client::listing_collector::form::list, seconds_now());
        client::line_receiver lines([&entries](std::string_view line) { return entries.add_line(line); });
        client_transfer order{.command = verb::list, .path = std::move(argument), .ascii = true};
        code = co_await transfer(std::move(order), lines);
        entries.finish(lines.bad_lines());
        std::map<std::string, proto::entry> out;
        for (auto& entry : entries.report().entries) out.emplace(entry.name, std::move(entry));
        co_return out;
    }

    [[nodiscard]] std::string directory() const { return has_scratch() ? scratch_ : std::string(); }

    /// A name that exists must not be used, even though it is random.
    net::task<bool> is_free(const std::string& path) {
        const auto code = co_await code_of("SIZE", path);
        co_return !is_success(code);
    }

    net::task<> files() {
        const auto file = path_of("file.txt");
        const bool usable = co_await is_free(file);
        if (!usable) co_return;
        auto code = co_await upload(verb::stor, file, 0, first_content);
        add("upload a file", std::move(code));
        code = co_await upload(verb::stor, file, 0, second_content);
        add("overwrite a file", std::move(code));
        code = co_await upload(verb::appe, file, 0, first_content);
        add("append to a file", std::move(code));
        const auto whole = fmt::format("{}{}", second_content, first_content);
        code = co_await upload(verb::stor, file, second_content.size(), whole);
        add("continue an upload", std::move(code));
        code = co_await download(file);
        add("download a file", std::move(code));
        const auto inside = directory();
        auto entries = co_await listed(inside, code);
        add("list a directory", code);
        const auto found = entries.find(listed_name("file.txt"));
        const bool is_listed = found != entries.end();
        add("an uploaded file is listed", is_listed ? "yes" : "no");
        add("mode of an uploaded file", is_listed ? fmt::format("{:04o}", found->second.mode) : "not listed");
        add("owner of an uploaded file",
            is_listed ? fmt::format("{} {}", found->second.owner, found->second.group) : "not listed");
        add("TLS of data connections", connection_.tls_of_data() ? "yes" : "no");
        if (!has_scratch()) co_return;
        const std::string here;
        entries = co_await listed(here, code);
        const auto made = entries.find(scratch_);
        add("mode of a directory", made != entries.end() ? fmt::format("{:04o}", made->second.mode) : "not listed");
    }

    net::task<> names() {
        std::vector<std::string> all = {".sallyport"};
        all.insert(all.end(), settings_.names.begin(), settings_.names.end());
        for (const auto& name : all) {
            const auto path = path_of(name);
            const bool usable = co_await is_free(path);
            if (!usable) continue;
            auto code = co_await upload(verb::stor, path, 0, first_content);
            add("upload " + name, std::move(code));
            code = co_await download(path);
            add("download " + name, std::move(code));
            for (const bool all_names : {false, true}) {
                std::string argument = directory();
                if (all_names) argument.insert(0, "-a ");
                const auto entries = co_await listed(argument, code);
                add(fmt::format("{} is listed{}", name, all_names ? " by LIST -a" : ""),
                    entries.contains(listed_name(name)) ? "yes" : "no");
            }
        }
    }

    net::task<std::string> rename(std::string from, std::string to) {
        auto code = co_await code_of("RNFR", from);
        if (!code.starts_with('3')) co_return code;
        code = co_await code_of("RNTO", to);
        if (is_success(code) && files_.erase(from) > 0) files_.insert(to);
        co_return code;
    }

    net::task<> changes() {
        const auto file = path_of("file.txt");
        const auto other = path_of("other.txt");
        const auto chmod = "CHMOD 640 " + file;
        auto code = co_await code_of("SITE", chmod);
        add("SITE CHMOD of a file", std::move(code));
        const auto set_time = "20200101000000 " + file;
        code = co_await code_of("MFMT", set_time);
        add("MFMT of a file", std::move(code));
        code = co_await rename(file, other);
        const bool moved = is_success(code);
        add("rename a file", std::move(code));
        if (moved) {
            (void)co_await upload(verb::stor, file, 0, first_content);
            code = co_await rename(file, other);
            add("rename onto a file", std::move(code));
        }
        if (has_scratch()) {
            const auto inner = scratch_ + "/inner";
            code = co_await code_of("MKD", inner);
            if (is_success(code)) directories_.insert(inner);
            add("make a directory in a directory", std::move(code));
            code = co_await code_of("RMD", inner);
            if (is_success(code)) directories_.erase(inner);
            add("remove a directory", std::move(code));
        }
        const auto last = moved ? other : file;
        code = co_await code_of("DELE", last);
        if (is_success(code)) files_.erase(last);
        add("delete a file", std::move(code));
    }

    net::task<> clean_up() {
        const auto files = files_;
        for (const auto& file : files) {
            const auto code = co_await code_of("DELE", file);
            if (is_success(code)) files_.erase(file);
        }
        // Inner ones first.
        const std::vector<std::string> directories(directories_.rbegin(), directories_.rend());
        for (const auto& directory : directories) {
            const auto code = co_await code_of("RMD", directory);
            if (is_success(code)) directories_.erase(directory);
        }
        out_.remaining.assign(files_.begin(), files_.end());
        out_.remaining.insert(out_.remaining.end(), directories_.begin(), directories_.end());
    }

    const probe_settings& settings_;
    server_probes& out_;
    client::connection connection_;
    std::string scratch_;
    // What exists because of this session.
    std::set<std::string> files_;
    std::set<std::string> directories_;
};

}  // namespace

net::task<> probe_server(net::loop& loop, const probe_settings& settings, server_probes& out) {
    prober all(loop, settings, out);
    co_await all.run();
}

std::vector<probe_difference> compare_probes(const std::vector<probe_result>& before,
                                             const std::vector<probe_result>& after) {
    const auto value_in = [](const std::vector<probe_result>& all, std::string_view name) {
        const auto found = std::ranges::find(all, name, &probe_result::name);
        return found == all.end() ? std::string("-") : found->value;
    };
    std::vector<probe_difference> out;
    for (const auto& [name, value] : before) {
        const auto now = value_in(after, name);
        out.push_back({name, value, now, value == now});
    }
    for (const auto& [name, value] : after)
        if (value_in(before, name) == "-") out.push_back({name, "-", value, false});
    return out;
}

}  // namespace sallyport::cli
