#include <sallyport/client/verdict.hpp>

#include <fmt/format.h>

#include <utility>

namespace sallyport::client {

namespace {

using proto::client_failure;
using proto::client_step;

/// Both ends have the same number of bytes.
bool sizes_agree(const transfer_facts& f) {
    if (f.transfer_direction == direction::download) return f.expected == f.bytes;
    return f.stored == f.bytes && f.expected == f.bytes;
}

/// The connection ended in some way; the bytes before that are valid.
bool is_connection_end(errc code) {
    return code == errc::truncated || code == errc::reset || code == errc::closed || code == errc::timeout;
}

client_failure incomplete(errc code, std::string what) { return {client_step::transfer, {code, 0, std::move(what)}}; }

client_failure data_failed(const transfer_facts& f) {
    const bool of_more = f.expected && *f.expected >= f.bytes;
    return incomplete(f.data_failure->code,
                      fmt::format("the data connection failed after {} bytes: {}",
                                  of_more ? fmt::format("{} of {}", f.bytes, *f.expected) : std::to_string(f.bytes),
                                  f.data_failure->text()));
}

client_failure unconfirmed(const transfer_facts& f) {
    auto out = *f.control;
    const bool all = f.expected == f.bytes;
    out.cause.what = fmt::format("transferred {}{} bytes, but the server did not confirm the transfer (226): {}",
                                 all ? "all " : "", f.bytes, f.control->cause.text());
    out.cause.os = 0;
    out.at = client_step::transfer;
    return out;
}

std::string end_warning(const error& end) {
    if (end.code == errc::truncated)
        return "the server closed the data connection without a TLS close_notify; the size matches";
    return fmt::format("the data connection was not closed cleanly ({}); the size matches", end.text());
}

void judge_download(const transfer_facts& f, verdict& out) {
    if (!f.expected || f.bytes == *f.expected) return;
    if (f.bytes < *f.expected)
        out.failure =
            incomplete(errc::truncated, fmt::format("transfer incomplete: received {} of {} bytes", f.bytes, *f.expected));
    else
        // The server confirmed the transfer: the file has grown, or the server counts its size differently.
        out.warnings.push_back(
            fmt::format("received {} bytes, but the server had reported a size of {}; the file may have grown during the "
                        "transfer",
                        f.bytes, *f.expected));
}

void judge_upload(const transfer_facts& f, verdict& out) {
    if (f.stored && *f.stored != f.bytes)
        out.failure =
            incomplete(*f.stored < f.bytes ? errc::truncated : errc::out_of_range,
                       fmt::format("transfer incomplete: sent {} bytes, but the server's file has {}", f.bytes, *f.stored));
}

}  // namespace

verdict judge(const transfer_facts& facts) {
    verdict out;
    if (facts.is_local) {
        out.failure = client_failure{client_step::local_file, *facts.data_failure};
        return out;
    }
    // A refusal in the server's reply takes precedence over the state of the data connection; without a data connection
    // there is only the reply.
    if (facts.control && (!facts.started || facts.control->reply_code != 0)) {
        out.failure = facts.control;
        return out;
    }
    const bool sizes_match = sizes_agree(facts);
    if (facts.data_failure && !(sizes_match && is_connection_end(facts.data_failure->code))) {
        out.failure = data_failed(facts);
        return out;
    }
    if (facts.control) {
        // Missing bytes are reported rather than the missing 226.
        if (facts.transfer_direction == direction::download) judge_download(facts, out);
        out.warnings.clear();
        if (!out.failure) out.failure = unconfirmed(facts);
        return out;
    }
    if (facts.transfer_direction == direction::download)
        judge_download(facts, out);
    else
        judge_upload(facts, out);
    if (!out.failure && facts.data_failure) out.warnings.push_back(end_warning(*facts.data_failure));
    return out;
}

}  // namespace sallyport::client
