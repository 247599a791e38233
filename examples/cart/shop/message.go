package shop

import (
	"github.com/statefun-go/statefun/functions"
)

// The functions, and where receipts go.
const (
	Carts       functions.TypeName = "shop/cart"
	Inventories functions.TypeName = "shop/inventory"
	Receipts    functions.Egress   = "shop/receipts"
)

// Add puts some of an item into a cart.
type Add struct {
	Item     string `json:"item"`
	Quantity int    `json:"quantity"`
}

// Remove takes an item out of a cart.
type Remove struct {
	Item string `json:"item"`
}

// Checkout buys what is in a cart. The caller, if there is one, gets a Receipt, or a
// Refusal.
type Checkout struct{}

// Restock adds to an inventory, and sets the price.
type Restock struct {
	Quantity   int `json:"quantity"`
	PriceCents int `json:"priceCents"`
}

// StockQuery asks an inventory for a Stock.
type StockQuery struct{}

// Stock is what an inventory has.
type Stock struct {
	Quantity int `json:"quantity"`
	// Held of them are in carts.
	Held int `json:"held"`
}

// Receipt says what a customer has bought.
type Receipt struct {
	Customer   string     `json:"customer"`
	Lines      []Purchase `json:"lines"`
	TotalCents int        `json:"totalCents"`
}

// Purchase is one line of a Receipt.
type Purchase struct {
	Item       string `json:"item"`
	Quantity   int    `json:"quantity"`
	PriceCents int    `json:"priceCents"`
}

// Refusal says why there is no receipt.
type Refusal struct {
	Reason string `json:"reason"`
}

// The types of messages. All are JSON.
var (
	AddType        = functions.JSON[Add]("shop/Add")
	RemoveType     = functions.JSON[Remove]("shop/Remove")
	CheckoutType   = functions.JSON[Checkout]("shop/Checkout")
	RestockType    = functions.JSON[Restock]("shop/Restock")
	StockQueryType = functions.JSON[StockQuery]("shop/StockQuery")
	StockType      = functions.JSON[Stock]("shop/Stock")
	ReceiptType    = functions.JSON[Receipt]("shop/Receipt")
	RefusalType    = functions.JSON[Refusal]("shop/Refusal")
)

// What carts and inventories tell each other.
type (
	// reserve asks an inventory to hold some for the caller's cart.
	reserve struct {
		Quantity int `json:"quantity"`
	}
	// reserved is the answer. A quantity of 0 means that there is not enough.
	reserved struct {
		Item       string `json:"item"`
		Asked      int    `json:"asked"`
		Quantity   int    `json:"quantity"`
		PriceCents int    `json:"priceCents"`
	}
	// release gives back what is held, and take buys it.
	release struct {
		Quantity int `json:"quantity"`
	}
	take struct {
		Quantity int `json:"quantity"`
	}
	// expiration is what a cart tells itself when a line was held long enough.
	expiration struct {
		Item string `json:"item"`
		Hold int    `json:"hold"`
	}
)

var (
	reserveType    = functions.JSON[reserve]("shop/Reserve")
	reservedType   = functions.JSON[reserved]("shop/Reserved")
	releaseType    = functions.JSON[release]("shop/Release")
	takeType       = functions.JSON[take]("shop/Take")
	expirationType = functions.JSON[expiration]("shop/Expiration")
)
