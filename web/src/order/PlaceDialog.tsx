export function PlaceDialog(_: { orderIds: string[]; onClose: () => void }) {
  return null;
}
