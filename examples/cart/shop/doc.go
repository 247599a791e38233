// Package shop is a shop of two stateful functions: a cart for each customer, and an
// inventory for each item.
//
// A cart is a state machine, and so is each line in it:
//
//	cart   open ──Checkout──► checking out ──last answer──► open, empty
//	line   asked ──Reserved──► held ──► bought, removed, or expired
//
// What is in a cart is held in the inventory, for a while: the cart sends itself a
// message that takes that long to arrive, and takes it back when the item is bought or
// removed. There is no lock, no scheduler and no clean-up job. Of an item no more is
// ever sold than there is, whatever is killed when: each message changes carts and
// inventories once.
//
// It knows nothing of where it runs: in the process of a node, or behind HTTP.
package shop
