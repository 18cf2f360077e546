// The rules of choosing where a variant is bought.

import type { CreateProductMappingRequest, Money, ProductMapping } from "../api/gen/types.gen";
import { decimals } from "../text/format";

/** The product id within what somebody pasted: an id, or any link to a product's page. Empty when there is none. */
export function readProductId(pasted: string): string {
  const text = pasted.trim();
  if (/^\d{8,20}$/.test(text)) return text;
  const found =
    /\/(?:item|i|share)\/(?:[^/?#]+\/)?(\d{8,20})(?:\.html)?(?:[/?#]|$)/.exec(text) ??
    /[?&](?:productIds?|item_?id|objectId)=(\d{8,20})/i.exec(text);
  return found?.[1] ?? "";
}

/** Whether it is a short link, which names no product. */
export const isShortLink = (pasted: string) =>
  /\/\/(?:[as]\.aliexpress\.com|s\.click\.aliexpress\.com)\//i.test(pasted.trim());

/** What somebody typed as an amount of a currency. Undefined for what is none; a point and a comma both divide. */
export function readAmount(typed: string, currency: string): number | undefined {
  const digits = decimals(currency);
  const found = /^(\d{1,9})(?:[.,](\d+))?$/.exec(typed.trim());
  if (!found?.[1]) return undefined;
  const part = (found[2] ?? "").replace(/0+$/, "");
  if (part.length > digits) return undefined;
  const minor = Number(found[1] + part.padEnd(digits, "0"));
  return minor > 0 ? minor : undefined;
}

/** An amount as somebody would type it. */
export function writeAmount(m: Money): string {
  const digits = decimals(m.currency);
  return (m.minor / 10 ** digits).toFixed(digits);
}

/** The cap that is suggested: a fifth above the price of now, so that small changes stop nothing. */
export const suggestedCap = (price: Money): Money => ({ ...price, minor: Math.ceil(price.minor * 1.2) });

/** One variant with where it is bought, and where instead. */
export interface MappedVariant {
  key: string;
  main?: ProductMapping;
  fallback?: ProductMapping;
}

/** The mappings by variant, in their order; a fallback stands with what it is for. */
export function byVariant(list: ProductMapping[]): MappedVariant[] {
  const found = new Map<string, MappedVariant>();
  for (const m of list) {
    const key = `${m.store_id}/${m.variant_key}`;
    const variant: MappedVariant = found.get(key) ?? { key };
    if (m.rank === 0) variant.main = m;
    else variant.fallback = m;
    found.set(key, variant);
  }
  return [...found.values()];
}

/** What makes a mapping that was removed again, as it was. */
export function asItWas(m: ProductMapping): CreateProductMappingRequest {
  const { id, created_at, updated_at, ...fields } = m;
  return fields;
}

/** Whether a variant's mappings hold every word that is searched for. */
export function matches(variant: MappedVariant, q: string): boolean {
  const text = [variant.main, variant.fallback]
    .map(
      (m) => m && [m.title, m.variant_key, m.supplier_product_id, m.supplier_store_name, m.supplier_sku_attr].join(" "),
    )
    .join(" ")
    .toLowerCase();
  return q
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}
