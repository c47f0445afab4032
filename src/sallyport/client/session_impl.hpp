#pragma once
// The state of a session, and the steps that its calls share. Private to the files that define the calls: session,
// session_list, session_requests and session_verify. Owned by the session; the thread of its loop.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <sallyport/client/advice.hpp>
#include <sallyport/client/client.hpp>
#include <sallyport/client/connection.hpp>
#include <sallyport/client/data_handler.hpp>
#include <sallyport/client/directory.hpp>
#include <sallyport/client/listing_collector.hpp>
#include <sallyport/client/verdict.hpp>

namespace sallyport::client {

using proto::client_failure;
using proto::client_transfer;
using proto::verb;

struct session::impl {
    impl(net::loop& l, options o) : opts(std::move(o)), conn(l, opts) {}

    options opts;
    connection conn;
    directory working_directory{conn};
    url location;
    std::vector<attempt> attempts;
    std::string action;
    std::string path;
    operation current = operation::open;
    bool is_logged_in = false;
    bool is_cancelled = false;
    bool pipelines = false;
    // The server has set a time by MFMT.
    bool has_mfmt = false;
    // Bytes that the receiver has of the file; a resumed transfer would start there.
    std::uint64_t received = 0;

    [[nodiscard]] std::unexpected<failure> failed(client_failure failed_step) const {
        failure_context known{location, conn.server_end(), attempts, path, current};
        known.user = login().user;
        known.protect_data = opts.protect_data;
        known.identity = conn.identity();
        known.through_proxy = opts.proxy.has_value();
        known.failed_at_proxy = conn.failed_at_proxy();
        known.can_resume = opts.can_resume && !location.ascii && received > 0;
        return std::unexpected(make_failure(std::move(failed_step), known, action));
    }
    [[nodiscard]] std::unexpected<failure> failed(step at, errc code, std::string detail) const {
        return failed(client_failure{at, error{code, 0, std::move(detail)}});
    }
    void start_call(operation call, std::string text, std::string file_path) {
        current = call;
        action = std::move(text);
        path = std::move(file_path);
        received = 0;
        attempts.clear();
    }
    [[nodiscard]] credentials login() const { return opts.login.value_or(login_of(location)); }

    net::task<std::optional<client_failure>> size_of(std::string file, std::optional<std::uint64_t>& size);
    net::task<std::optional<client_failure>> transfer(client_transfer order, data_handler& handler);
    net::task<> query_stored_size(transfer_facts& facts, transfer_report& report, std::optional<std::uint64_t> before);
    net::task<std::optional<client_failure>> find_place(std::string target, upload_mode mode,
                                                        std::optional<std::uint64_t>& before);
    net::task<> query_partial_upload(transfer_facts facts);
    [[nodiscard]] std::optional<client_failure> check_verification(bool has_whole_file) const;
    net::task<std::optional<client_failure>> verify(std::string remote, int file, std::uint64_t length,
                                                    bool consists_of_parts, transfer_report& report);
    [[nodiscard]] transfer_facts facts(const transfer_report& report) const;
    [[nodiscard]] std::optional<client_failure> judge(transfer_report& report, bool size_counts) const;
    void describe(transfer_report& report);
    void warn_of_unreadable_size(transfer_report& report) const;

    [[nodiscard]] static result<void> start_over(int local_file, const std::string& why, transfer_report& report);
    net::task<std::optional<client_failure>> read_listing(client_transfer order, listing_collector& into);
    net::task<outcome<listing_report>> list_directory_entries(std::string argument, std::int64_t now, list_form form);
    net::task<outcome<listing_report>> list_file(std::string file, client_failure refused, std::int64_t now);
};

}  // namespace sallyport::client
