#include <sallyport/client/verdict.hpp>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sallyport::client {
namespace {

using proto::client_failure;
using proto::client_step;
using ::testing::HasSubstr;

constexpr auto no_size = std::nullopt;
using size = std::optional<std::uint64_t>;

enum class said : std::uint8_t { done, refused, nothing };  // a final 2xx; a final 4xx; the control connection was lost
enum class wants : std::uint8_t { success, warning, failure };

std::optional<client_failure> control(said s) {
    if (s == said::done) return std::nullopt;
    if (s == said::refused) return client_failure{client_step::transfer, {errc::rejected, 0, "451 disk"}, 451, "451 disk"};
    return client_failure{client_step::transfer, {errc::closed, 0, "waiting for the reply to RETR"}};
}

std::optional<error> end(errc code) {
    if (code == errc::misuse) return std::nullopt;  // means "closed cleanly" here
    return error{code, 0, {}};
}
constexpr auto good = errc::misuse;

struct verdict_row {
    size expected;
    std::uint64_t bytes;
    said reply;
    errc data;
    wants what;
    std::string_view words;
    errc cause = errc::misuse;
};

void check(const verdict& v, wants what, std::string_view words, errc cause) {
    EXPECT_EQ(v.failure.has_value(), what == wants::failure) << (v.failure ? v.failure->cause.text() : "success");
    EXPECT_EQ(v.warnings.size(), what == wants::warning ? 1U : 0U);
    if (v.failure) {
        EXPECT_THAT(v.failure->cause.text(), HasSubstr(std::string(words)));
        EXPECT_EQ(v.failure->cause.code, cause);
    }
    if (!v.warnings.empty()) {
        EXPECT_THAT(v.warnings.front(), HasSubstr(std::string(words)));
    }
}

TEST(verdict, of_downloads) {
    const verdict_row rows[] = {
        // The size decides, if the server confirmed the transfer and the data connection was closed cleanly.
        {5000U, 5000, said::done, good, wants::success, ""},
        {0U, 0, said::done, good, wants::success, ""},
        {no_size, 420, said::done, good, wants::success, ""},
        {5000U, 420, said::done, good, wants::failure, "received 420 of 5000 bytes", errc::truncated},
        {5000U, 0, said::done, good, wants::failure, "received 0 of 5000 bytes", errc::truncated},
        {420U, 5000, said::done, good, wants::warning, "received 5000 bytes, but the server had reported a size of 420"},
        {0U, 7, said::done, good, wants::warning, "reported a size of 0"},
        // Data connections that were not closed cleanly.
        {5000U, 5000, said::done, errc::reset, wants::warning, "reset"},
        {5000U, 5000, said::done, errc::closed, wants::warning, "size matches"},
        {5000U, 5000, said::done, errc::truncated, wants::warning, "close_notify"},
        {5000U, 5000, said::done, errc::timeout, wants::warning, "size matches"},
        {5000U, 5000, said::done, errc::tls, wants::failure, "after 5000 of 5000", errc::tls},
        {0U, 0, said::done, errc::tls_untrusted, wants::failure, "after 0 of 0", errc::tls_untrusted},
        {5000U, 420, said::done, errc::reset, wants::failure, "after 420 of 5000 bytes", errc::reset},
        {420U, 5000, said::done, errc::reset, wants::failure, "after 5000 bytes", errc::reset},
        {no_size, 420, said::done, errc::reset, wants::failure, "after 420 bytes", errc::reset},
        {no_size, 420, said::done, errc::truncated, wants::failure, "after 420 bytes", errc::truncated},
        // Without a confirmation of the server, nothing is a success.
        {5000U, 5000, said::nothing, good, wants::failure, "transferred all 5000 bytes, but the server did not confirm",
         errc::closed},
        {no_size, 420, said::nothing, good, wants::failure, "transferred 420 bytes, but", errc::closed},
        {420U, 5000, said::nothing, good, wants::failure, "transferred 5000 bytes, but", errc::closed},
        {5000U, 420, said::nothing, good, wants::failure, "received 420 of 5000", errc::truncated},
        {5000U, 5000, said::nothing, errc::reset, wants::failure, "transferred all 5000 bytes", errc::closed},
        {5000U, 420, said::nothing, errc::reset, wants::failure, "after 420 of 5000", errc::reset},
        // A refusal is reported unchanged, whatever else happened.
        {5000U, 5000, said::refused, good, wants::failure, "451 disk", errc::rejected},
        {5000U, 420, said::refused, errc::reset, wants::failure, "451 disk", errc::rejected},
        {no_size, 0, said::refused, good, wants::failure, "451 disk", errc::rejected},
    };
    for (const auto& r : rows) {
        SCOPED_TRACE("line " + std::to_string(&r - rows));
        transfer_facts f;
        f.started = true;
        f.bytes = r.bytes;
        f.expected = r.expected;
        f.control = control(r.reply);
        f.data_failure = end(r.data);
        check(judge(f), r.what, r.words, r.cause);
    }
}

struct upload_row {
    size length;  // of the local file; nothing for a pipe
    std::uint64_t bytes;
    size stored;
    said reply;
    errc data;
    wants what;
    std::string_view words;
    errc cause = errc::misuse;
};

TEST(verdict, of_uploads) {
    const upload_row rows[] = {
        {5000U, 5000, 5000U, said::done, good, wants::success, ""},
        {no_size, 5000, 5000U, said::done, good, wants::success, ""},
        {5000U, 5000, no_size, said::done, good, wants::success, ""},
        {5000U, 5000, 420U, said::done, good, wants::failure, "sent 5000 bytes, but the server's file has 420",
         errc::truncated},
        {5000U, 5000, 9000U, said::done, good, wants::failure, "the server's file has 9000", errc::out_of_range},
        // The end of the data connection does not matter if the server has every byte.
        {5000U, 5000, 5000U, said::done, errc::reset, wants::warning, "size matches"},
        {5000U, 420, 420U, said::done, errc::reset, wants::failure, "after 420 of 5000", errc::reset},
        {5000U, 5000, no_size, said::done, errc::reset, wants::failure, "after 5000 of 5000", errc::reset},
        {no_size, 420, 420U, said::done, errc::reset, wants::failure, "after 420 bytes", errc::reset},
        {5000U, 5000, no_size, said::nothing, good, wants::failure, "transferred all 5000 bytes, but", errc::closed},
        {5000U, 5000, no_size, said::refused, good, wants::failure, "451 disk", errc::rejected},
        {5000U, 420, no_size, said::refused, errc::reset, wants::failure, "451 disk", errc::rejected},
    };
    for (const auto& r : rows) {
        SCOPED_TRACE("line " + std::to_string(&r - rows));
        transfer_facts f;
        f.transfer_direction = direction::upload;
        f.started = true;
        f.bytes = r.bytes;
        f.expected = r.length;
        f.stored = r.stored;
        f.control = control(r.reply);
        f.data_failure = end(r.data);
        check(judge(f), r.what, r.words, r.cause);
    }
}

TEST(verdict, of_transfers_that_did_not_start_and_of_the_local_file) {
    transfer_facts never;
    never.control = client_failure{client_step::data, {errc::timeout, 0, "no way"}};
    EXPECT_EQ(judge(never).failure->at, client_step::data);
    transfer_facts full;
    full.started = true;
    full.is_local = true;
    full.data_failure = error{errc::no_space, 0, "writing"};
    full.control = control(said::refused);  // because the data connection was closed
    EXPECT_EQ(judge(full).failure->at, client_step::local_file);
    EXPECT_EQ(judge(full).failure->cause.code, errc::no_space);
}

}  // namespace
}  // namespace sallyport::client
