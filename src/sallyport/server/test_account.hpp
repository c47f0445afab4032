#pragma once
// Test support: an account that may do everything. A value that tests share; any thread.

#include <memory>

#include <sallyport/server/account.hpp>

namespace sallyport::server {

inline account_ptr test_user() {
    return std::make_shared<const account>(account{.name = "bob", .rights = right_set::all()});
}

}  // namespace sallyport::server
